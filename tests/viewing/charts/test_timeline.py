import os
import socket
from datetime import datetime

import numpy as np
import pytest

from exptools.rundir import USAGE_FILE, State, process_start, write_atomic
from exptools.viewing.charts import timeline as module
from exptools.viewing.charts.timeline import timeline
from exptools.viewing.errors import QueryError
from exptools.viewing.run_files.usage import StepFunction, as_steps, sum_in_bins
from tests.viewing.samples import indexed, numbers, traces, write_run

T0 = 1_700_000_000.0
NOW = T0 + 1000
HEADER = "time,cpu_percent,rss,gpu_percent,gpu_memory\n"


def run(root, job, start=None, end=None, state=State.COMPLETED, **status):
    times = {"started": start and T0 + start, "ended": end and T0 + end, "queued": T0}
    return write_run(root / str(job), {}, None, state, job=job, **{"host": "h", **times, **status})


def drawn(root):
    return timeline(indexed(root).snapshot.runs, NOW)


def bars(chart):
    """By run: lane, start and end in seconds after T0, state."""
    shift = datetime.fromtimestamp(T0).astimezone().utcoffset().total_seconds()
    found = {}
    for trace in traces(chart.figure, "bar"):
        starts, spans = numbers(trace["base"]), numbers(trace["x"])
        places = zip(trace["customdata"], trace["y"], starts, spans, strict=True)
        for name, lane, start, span in places:
            begin = start / 1000 - shift - T0
            end = pytest.approx(begin + span / 1000)
            found[name] = (lane, pytest.approx(begin), end, trace["name"])
    return found


def lanes(chart):
    return chart.figure["layout"]["yaxis"]["ticktext"]


def test_a_job_is_a_bar_from_its_start_to_its_end_in_the_lane_of_its_slot(tmp_path):
    run(tmp_path, 0, 10, 40, slot=0)
    run(tmp_path, 1, 10, 90, slot=1)
    run(tmp_path, 2, 41, 80, slot=0)
    chart = drawn(tmp_path)
    assert lanes(chart) == ["slot 0", "slot 1"]
    assert bars(chart) == {
        "0": (0, 10, 40, "finished"),
        "1": (1, 10, 90, "finished"),
        "2": (0, 41, 80, "finished"),
    }
    assert "2 min 29 s of work in 1 min 20 s" in chart.caption


def test_jobs_of_one_slot_that_ran_at_once_get_lanes_of_their_own(tmp_path):
    run(tmp_path, 0, 10, 40, slot=0)
    run(tmp_path, 1, 20, 50, slot=0)
    run(tmp_path, 2, 45, 60, slot=0)
    run(tmp_path, 3, 10, 20, host="other")
    chart = drawn(tmp_path)
    assert lanes(chart) == ["h, slot 0", "", "other, no slot"]
    assert [bars(chart)[str(job)][0] for job in range(4)] == [0, 1, 0, 2]


def test_a_running_job_ends_now_and_one_whose_process_vanished_when_it_last_logged(tmp_path):
    me = {"pid": os.getpid(), "pid_start": process_start(os.getpid())}
    alive = {"host": socket.gethostname(), **me}
    run(tmp_path, 0, 10, None, State.RUNNING, slot=0, **alive)
    gone = run(tmp_path, 1, 10, None, State.RUNNING, slot=1, **alive | {"pid_start": "another/1"})
    (gone / "progress.csv").write_text("step,wall_time,acc\n0,1.0,2.0\n")
    os.utime(gone / "progress.csv", (T0 + 500, T0 + 500))
    found = bars(drawn(tmp_path))
    assert found["0"] == (0, 10, 1000, "running")
    assert found["1"] == (1, 10, 500, "killed")


def test_states_differ_in_pattern_and_mark_as_well_as_in_colour(tmp_path):
    bad = (State.FAILED, State.KILLED, State.TIMEOUT, State.INTERRUPTED)
    for job, state in enumerate((State.COMPLETED, *bad)):
        run(tmp_path, job, 10, 20, state, slot=job)
    chart = drawn(tmp_path)
    patterns = [trace["marker"]["pattern"]["shape"] for trace in traces(chart.figure, "bar")]
    assert len(set(patterns)) == 5
    marks = traces(chart.figure, "scatter")[0]
    assert sorted(marks["y"]) == [1, 2, 3, 4]
    assert len(set(marks["marker"]["symbol"])) == 4


def test_queued_jobs_are_counted_and_another_attempt_is_told(tmp_path):
    run(tmp_path, 0, 10, 20, attempt=2, slot=0)
    run(tmp_path, 1, state=State.QUEUED)
    chart = drawn(tmp_path)
    assert "1 is queued." in chart.caption
    (bar,) = traces(chart.figure, "bar")
    assert bar["text"] == ["0 (attempt 2)"]
    assert "waited: 10 s" in bar["hovertext"][0]


def test_what_failed_says_why_and_is_not_taken_for_markup(tmp_path):
    run(tmp_path, 0, 10, 20, State.FAILED, slot=0, error="ValueError: <b>no</b>")
    (bar,) = traces(drawn(tmp_path).figure, "bar")
    assert "error: ValueError: &lt;b&gt;no&lt;/b&gt;" in bar["hovertext"][0]


def test_times_that_cannot_be_a_jobs_are_not_drawn(tmp_path):
    run(tmp_path, 0, 10, 20, slot=0)
    run(tmp_path, 1, slot=0, started=2.0**52)
    run(tmp_path, 2, 10, slot=1, ended=2.0**52, queued=-(2.0**52))
    chart = drawn(tmp_path)
    assert sorted(bars(chart)) == ["0", "2"]
    assert "1 run without a time of start" in chart.caption


def test_without_a_start_in_any_status_a_sentence_says_so(tmp_path):
    write_run(tmp_path / "0", {}, {"acc": [1.0]}, None)
    with pytest.raises(QueryError, match="No run has a status that says when it started"):
        drawn(tmp_path)


def test_the_cores_in_use_are_the_sum_over_the_jobs_of_that_moment(tmp_path):
    for job, percent in enumerate((100.0, 250.0)):
        directory = run(tmp_path, job, 0.5, 100.5, slot=job)
        rows = "".join(f"{T0 + t},{percent},1000,{40 + 20 * job},5\n" for t in range(2, 100, 2))
        write_atomic(directory / USAGE_FILE, (HEADER + rows).encode())
    figure = drawn(tmp_path).figure
    cpus, gpus = (traces(figure, "scatter", yaxis=name)[0] for name in ("y2", "y3"))
    np.testing.assert_allclose(numbers(cpus["y"]), 3.5, rtol=1e-6)
    np.testing.assert_allclose(numbers(gpus["y"]), 50, rtol=1e-6)


def test_without_samples_of_a_gpu_there_is_no_panel_for_it(tmp_path):
    directory = run(tmp_path, 0, 0.5, 10.5, slot=0)
    write_atomic(directory / USAGE_FILE, f"{HEADER}{T0 + 2},100,1,,\n".encode())
    figure = drawn(tmp_path).figure
    assert "yaxis2" in figure["layout"]
    assert "yaxis3" not in figure["layout"]


def test_a_bin_has_the_mean_over_its_time_whatever_the_samples_times_are():
    random = np.random.default_rng(1)
    uses = []
    for _ in range(5):
        times = np.sort(random.uniform(0, 100, 40))
        uses.append(StepFunction(np.concatenate([[0], times]), random.uniform(0, 400, 40)))
    total, running = sum_in_bins(uses, np.linspace(0, 100, 11))
    fine, _ = sum_in_bins(uses, np.linspace(0, 100, 1001))
    np.testing.assert_allclose(total, fine.reshape(10, 100).mean(axis=1))
    used = sum(float((s.levels * np.diff(s.edges)).sum()) for s in uses)
    assert total.sum() * 10 == pytest.approx(used)
    assert (running <= 5 + 1e-12).all()


def test_samples_of_an_earlier_attempt_do_not_count():
    times, values = np.array([1.0, 2.0, 11.0, 13.0]), np.array([400.0, 400.0, 100.0, 50.0])
    found = as_steps(times, values, started=10.0, ended=15.0)
    assert found.edges.tolist() == [10, 11, 13, 15]
    assert found.levels.tolist() == [100, 50, 50]


@pytest.mark.parametrize("content", [b"", b"\x00\xff,\n1,2", b"a,b\n1,2\n", HEADER.encode()])
def test_usage_that_is_none_takes_nothing_else_along(tmp_path, content):
    directory = run(tmp_path, 0, 10, 20, slot=0)
    write_atomic(directory / USAGE_FILE, content)
    assert bars(drawn(tmp_path)) == {"0": (0, 10, 20, "finished")}


def test_of_too_many_jobs_the_last_are_shown_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_JOBS", 2)
    for job in range(3):
        run(tmp_path, job, 10 * job + 1, 10 * job + 5, slot=0)
    chart = drawn(tmp_path)
    assert sorted(bars(chart)) == ["1", "2"]
    assert "The last 2 of 3" in chart.caption
