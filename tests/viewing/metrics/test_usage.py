"""What jobs used, as metrics like others."""

import numpy as np
import pytest

from exptools.rundir import USAGE_FILE
from exptools.viewing.api.loading import load
from exptools.viewing.curves.resources import unequal_resources
from exptools.viewing.errors import QueryError
from tests.viewing.samples import csv_text, indexed, write_run

HEADER = "time,cpu_percent,rss,gpu_percent,gpu_memory\n"
START = 1.7e9  # as ``csv_text`` has it: a row a second


def write(root, samples, rows=10, **status):
    for seed, of_run in enumerate(samples):
        progress = csv_text({"loss": list(range(rows))}) if rows else None
        run = write_run(root / str(seed), {"seed": seed}, progress, **status)
        lines = "".join(f"{START + at!r},{cpu},{1e9},,\n" for at, cpu in of_run)
        (run / USAGE_FILE).write_text(HEADER + lines)
    return load(root)


def test_a_sample_has_the_step_of_the_moment_and_is_averaged_like_others(tmp_path):
    runs = write(tmp_path, [[(-1, 5), (0.5, 100), (4, 200), (99, 7)], [(0.5, 300), (4, 400)]])
    assert runs.resources == ("usage/cpu_percent", "usage/rss")
    assert runs.metrics == ("loss",)
    curve = runs.curves("usage/cpu_percent", by=[])[0].curve
    assert curve.x.tolist() == [0.5, 4]  # before the first row and after the last there is no step
    assert curve.center.tolist() == [200, 300]
    assert curve.n.tolist() == [2, 2]
    over_time = runs.curves("cpu_percent", x="relative_time")[0].curve
    assert over_time.center.tolist() == [5, 100, 200, 7]


def test_it_stands_in_tables_and_conditions_beside_what_was_logged(tmp_path):
    runs = write(tmp_path, [[(1, 50), (2, 60)], [(1, 70)]])
    table = runs.table(["usage/cpu_percent", "loss"])
    assert table["usage/cpu_percent"].to_list() == [60, 70]
    assert table["loss"].to_list() == [9, 9]
    assert len(runs.where('max("usage/cpu_percent") > 65')) == 1


def test_gpus_are_offered_where_a_job_had_one_and_nothing_where_nobody_sampled(tmp_path):
    with_gpu = write(tmp_path / "gpu", [[(1, 5)]], gpus=("GPU-0",))
    assert "usage/gpu_memory" in with_gpu.resources
    write_run(tmp_path / "none" / "0", {}, csv_text({"loss": [1]}))
    assert load(tmp_path / "none").resources == ()
    with pytest.raises(QueryError, match="no run has logged 'usage/rss'"):
        load(tmp_path / "none").curves("usage/rss")


def test_a_job_that_logged_nothing_has_no_steps_but_time(tmp_path):
    runs = write(tmp_path, [[(1, 5), (2, 6)]], rows=0)
    assert np.allclose(runs.curves("usage/cpu_percent", x="relative_time")[0].curve.x, [0, 1])
    assert not len(runs.curves("usage/cpu_percent"))


def test_a_torn_or_hostile_file_takes_no_other_run_with_it(tmp_path):
    runs = write(tmp_path, [[(1, 5)], [(1, 7)]])
    (runs[0].directory / USAGE_FILE).write_bytes(b"\xff\x00nonsense\n" + b"1," * 1000)
    curve = load(tmp_path).curves("usage/cpu_percent", by=[])[0].curve
    assert curve.center.tolist() == [7]


def test_unequal_resources_are_said_of_curves_over_time(tmp_path):
    for at, cpus in enumerate(("0-3", "0,2,4-9", "not cpus", "0-99999999999")):
        write_run(tmp_path / str(at), {"seed": at}, csv_text({"loss": [1, 2]}), cpus=cpus)
    runs = indexed(tmp_path).snapshot.runs
    (said,) = unequal_resources(runs, "loss", "relative_time")
    assert said.startswith("These jobs had unequal resources (4 to 8 cores): times cannot")
    assert unequal_resources(runs, "loss", "step") == ()
    assert unequal_resources(runs, "usage/rss", "step") != ()
    assert unequal_resources(runs[:1], "loss", "wall_time") == ()
    assert said in load(tmp_path).curves("loss", by=[], x="relative_time").notes
