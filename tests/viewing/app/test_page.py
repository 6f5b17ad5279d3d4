"""The page as a whole, without a browser: its header, its answers to changes, its layout."""

import json
import socket

import dash
import pytest

from exptools.rundir import PROGRESS_CSV, STATUS_FILE, State, Status, write_atomic
from exptools.viewing.app import create_app
from exptools.viewing.app.compare.tab import click, draw, redraw
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.page import faults, look, state_counts, update_header
from exptools.viewing.app.states import Outlook, count_states, outlook
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from tests.viewing.samples import csv_text, indexed, run_with, write_run, write_sweep

HOST = "http://127.0.0.1:8050"


@pytest.fixture
def sweep(tmp_path):
    return Workspace(indexed(write_sweep(tmp_path / "outputs")))


def job(state, started=None, ended=None):
    status = Status(state=state, started=started, ended=ended)
    return run_with().__class__(**run_with().__dict__ | {"status": status, "state": state})


def test_states_are_counted_in_words(tmp_path):
    states = (State.COMPLETED, State.FAILED, State.COMPLETED, State.TIMEOUT, None)
    for number, state in enumerate(states):
        write_run(tmp_path / str(number), {}, state=state)
    assert count_states(indexed(tmp_path).snapshot.runs) == [
        *(("finished", 2), ("failed", 1), ("timed out", 1), ("no status", 1))
    ]


def test_the_time_left_is_that_of_the_queue_in_the_slots_that_are_in_use():
    done = [job(State.COMPLETED, 0, 100)] * 3 + [job(State.FAILED, 0, 5)]
    running = [job(State.RUNNING, 960), job(State.RUNNING, 920)]  # 60 and 20 s to go
    queued = [job(State.QUEUED)]
    assert outlook([*done, *running], now=1000).seconds == 60
    assert outlook([*done, *running, *queued], now=1000).seconds == 120
    assert outlook([*done, *running, *queued * 3], now=1000).seconds == 220
    assert outlook([*done, *queued], now=1000).seconds is None  # nothing goes on
    assert outlook(running, now=1000).seconds is None  # nothing tells how long a job takes
    assert "about 1 min left" in str(state_counts([*done, *running], now=1000))


def test_a_job_that_may_hang_is_said_and_is_not_in_the_time_left():
    done = [job(State.COMPLETED, 0, 100), job(State.COMPLETED, 0, 300)]
    hangs, slow = job(State.RUNNING, 399), job(State.RUNNING, 750)  # for 601 s, and for 250 s
    assert outlook([*done, hangs], now=1000) == Outlook(None, late=1)
    assert outlook([*done, hangs, slow], now=1000) == Outlook(50, late=1)
    queued = [job(State.QUEUED)] * 2
    assert outlook([*done, hangs, slow, *queued], now=1000).seconds == 50 + 2 * 200
    words = str(state_counts([*done, hangs, slow], now=1000))
    assert "about 50 s left, 1 may hang" in words


def test_nothing_new_leaves_the_page_alone_and_a_change_gives_it_the_new_version(sweep):
    version = sweep.index.snapshot.version
    assert look(sweep, 1, version) is dash.no_update
    (sweep.index.roots[0] / "0" / PROGRESS_CSV).write_text("step,x\n")
    assert look(sweep, 2, version) is dash.no_update  # too early for another look
    sweep.index.refresh()
    assert look(sweep, 3, version) == version + 1


def test_a_zoom_or_another_tab_computes_no_picture_that_the_page_has(sweep):
    data = resolve(View(), sweep.facts()).to_data()

    def answer(drawn, colors="light", **chosen):
        return draw(sweep, version=0, data=data | chosen, colors=colors, drawn=drawn)

    drawn = answer(None)["drawn"]
    assert answer(drawn) is dash.no_update
    assert answer(None, tab="run") is dash.no_update
    assert answer(drawn, "dark")["drawing"] is not dash.no_update


def test_an_answer_has_only_what_the_page_does_not_say_yet(sweep):
    data = resolve(View(), sweep.facts()).to_data()
    asked = {"version": 0, "colors": "light", "drawn": None}
    said = draw(sweep, data=data, **asked)
    changed = redraw(sweep, said=said, data=data | {"band": "minmax"}, **asked)
    news = {name for name, answer in changed.items() if answer is not dash.no_update}
    assert {"drawing", "drawn", "caption"} <= news
    assert news.isdisjoint({"empty", "reason", "style", "baselines", "complaint", "pager"})


def test_faults_are_listed_with_file_and_line(tmp_path):
    directory = write_run(tmp_path / "0", "a: [", "step,x\n0,oops\n")
    workspace = Workspace(indexed(tmp_path))
    workspace.index.columns(workspace.facts().runs, ["x"])
    _, listed, *_ = update_header(workspace, 0, "")
    assert "2 places" in str(listed)
    assert f"{directory / PROGRESS_CSV}:2: " in str(listed)
    assert faults([]) == []
    assert "and 100 more" in str(faults([f"line {n}" for n in range(300)]))


def test_a_click_on_a_curve_that_is_gone_does_nothing(sweep):
    data = resolve(View(), sweep.facts()).to_data()
    assert click(sweep, None, data) is dash.no_update
    assert click(sweep, {"curve": [7, 0]}, data) is dash.no_update
    assert click(sweep, {"curve": [0, 7]}, data) is dash.no_update


def test_a_click_selects_the_runs_of_a_curve_and_a_second_one_lets_them_go(sweep):
    data = resolve(View(), sweep.facts()).to_data()
    for curve, selected in ((1, ["3", "4", "5"]), (0, [])):
        patch = click(sweep, {"curve": [0, curve]}, data).to_plotly_json()
        ((operation,),) = [patch["operations"]]
        assert operation["params"] == {"value": selected}
        data |= {"selected": selected}


def test_a_config_of_thousands_of_keys_leaves_the_page_light(tmp_path):
    write_run(tmp_path / "0", {f"key{n}": n for n in range(3000)} | {"long": "x" * 100_000})
    write_run(tmp_path / "1", {}, csv_text({"acc": [1.0]}))
    client = create_app(indexed(tmp_path)).server.test_client()
    assert len(client.get("/_dash-layout", base_url=HOST).data) < 900_000


@pytest.mark.parametrize("status", [{"pid": "12"}, {"error": ["a"]}, {"pid": 10**30}])
def test_a_status_that_nobody_could_mean_leaves_the_page_alive(sweep, status):
    record = {"state": "running", "host": socket.gethostname()} | status
    place = sweep.index.roots[0] / "bad" / STATUS_FILE
    write_atomic(place, json.dumps(record).encode())
    sweep.index.refresh()
    client = create_app(sweep.index).server.test_client()
    assert client.get("/_dash-layout", base_url=HOST).status_code == 200
    _, listed, *_ = update_header(sweep, 0, "")
    assert f"{next(iter(status))} is" in str(listed)
    assert len(sweep.facts().runs) == 10
