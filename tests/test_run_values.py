"""The summary and the config of a run, as files: whose they are, and what a job returned."""

import json
from decimal import Decimal

import numpy as np
import pytest
from omegaconf import OmegaConf

from exptools.run_values import (
    MAX_VALUES,
    RunValues,
    TooLarge,
    begin_job,
    keep_result,
    numbers_of,
    read_values,
    summary_path,
    write_values,
)
from exptools.rundir import CONFIG_FILE

NAN = float("nan")


def summary(run_dir):
    said = read_values(summary_path(run_dir))
    return None if said is None else said.values


@pytest.mark.parametrize(
    ("returned", "numbers"),
    [
        (0.25, {"result": 0.25}),
        (True, {"result": True}),
        (np.float32(0.5), {"result": 0.5}),
        (np.ones((1, 1)), {"result": 1.0}),
        (Decimal("0.5"), {"result": 0.5}),
        (10**30, {"result": 1e30}),
        ((1, 2.5), {"result/0": 1, "result/1": 2.5}),
        ({"loss": 0.5, "path": "x", "n": 3}, {"result/loss": 0.5, "result/n": 3}),
        (OmegaConf.create({"loss": 0.5, "left": "???"}), {}),
        ([0.5] * 100, {}),  # a history, and no objectives
        ("0.5", {}),
        (None, {}),
        (1j, {}),
        (np.ones(3), {}),
        (np.array("x"), {}),
        (10**400, {}),
        (object(), {}),
    ],
)
def test_the_numbers_of_a_return_value_have_names(returned, numbers):
    assert numbers_of(returned) == numbers
    assert [*map(type, numbers_of(returned).values())] == [*map(type, numbers.values())]


def test_a_result_is_kept_unless_the_job_has_said_one_itself(tmp_path):
    keep_result(tmp_path, "no number")
    assert not list(tmp_path.iterdir())
    keep_result(tmp_path, NAN)
    assert str(summary(tmp_path)) == "{'result': nan}"
    write_values(summary_path(tmp_path), RunValues({"result": 7}))
    keep_result(tmp_path, 8)
    assert summary(tmp_path) == {"result": 7}


def test_a_run_that_the_job_has_deleted_is_not_made_again_for_its_result(tmp_path):
    with pytest.raises(FileNotFoundError):
        keep_result(tmp_path / "deleted", 0.5)
    assert not list(tmp_path.iterdir())


def test_a_job_that_begins_again_has_no_result_and_its_earlier_one_is_not_lost(tmp_path):
    write_values(tmp_path / CONFIG_FILE, RunValues({"lr": 1}))
    write_values(summary_path(tmp_path), RunValues({"best": 0.5}))
    keep_result(tmp_path, 0.25)
    begin_job(tmp_path)
    begin_job(tmp_path)  # by the launcher, and by the callback
    assert summary(tmp_path) == read_values(tmp_path / CONFIG_FILE).values == {}
    assert read_values(summary_path(tmp_path)).before == {"best": 0.5}
    assert read_values(tmp_path / "summary.1.json").values == {"best": 0.5, "result": 0.25}
    assert not (tmp_path / "summary.2.json").exists()
    keep_result(tmp_path, 0.75)
    assert summary(tmp_path) == {"result": 0.75}


FOREIGN = {
    "a list": b"[1, 2]",
    "an object": b'{"accuracy": NaN, "nested": {"a": [1]}}',
    "no JSON": b"{'accuracy': 1",
    "no text": b"\xff\xfe\0",
    "nested deeply": b"[" * 10**5,
    "large": b'{"x": "' + b"x" * MAX_VALUES + b'"}',
    "nothing": b"",
    "half of ours": b'{"_exptools": {"version": 1}, "result"',
    "marked otherwise": b'{"_exptools": 3, "result": 4}',
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_another_programs_summary_is_left_alone_and_ours_stands_elsewhere(tmp_path, content):
    theirs = tmp_path / "summary.json"
    theirs.write_bytes(content)
    keep_result(tmp_path, 0.5)
    begin_job(tmp_path)
    keep_result(tmp_path, 0.25)
    assert theirs.read_bytes() == content
    assert summary(tmp_path) == {"result": 0.25}
    assert summary_path(tmp_path) == tmp_path / ".exptools" / "summary.json"


def test_a_directory_of_that_name_is_left_alone_too(tmp_path):
    (tmp_path / "summary.json").mkdir()
    keep_result(tmp_path, 0.5)
    assert summary(tmp_path) == {"result": 0.5}


def test_a_summary_that_a_person_has_laid_out_anew_stays_ours(tmp_path):
    keep_result(tmp_path, 0.5)
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert (summary_path(tmp_path), summary(tmp_path)) == (path, {"result": 0.5})


def test_what_is_deep_is_written_in_a_line_without_blanks_for_each_level(tmp_path):
    deep = [*range(1000)]
    for _ in range(100):
        deep = [deep]
    path = summary_path(tmp_path)
    write_values(path, RunValues({"deep": deep, "lr": 0.1}))
    assert len(path.read_text()) < 8000
    assert path.read_text().endswith('\n "lr": 0.1\n}\n')
    assert summary(tmp_path) == {"deep": deep, "lr": 0.1}


def test_a_summary_that_is_too_deep_is_no_summary_and_ends_no_job(tmp_path):
    path = tmp_path / "summary.json"
    text = f'{{"_exptools": {{}}, "a": {"[" * 900}{"]" * 900}}}'
    path.write_text(text)
    begin_job(tmp_path)
    keep_result(tmp_path, 0.5)
    assert path.read_text() == text
    assert summary(tmp_path) == {"result": 0.5}


def test_what_nobody_would_read_is_not_written(tmp_path):
    path = summary_path(tmp_path)
    write_values(path, RunValues({"a": 1}))
    with pytest.raises(TooLarge, match="more than 1048576 are not read"):
        write_values(path, RunValues({"a": "x" * MAX_VALUES}))
    assert summary(tmp_path) == {"a": 1}
