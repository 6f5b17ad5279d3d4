"""What cannot be read is said in Python, too: in warnings, once, and in ``faults``."""

import warnings

import pytest

import exptools.viewing as xv
from exptools.rundir import State
from tests.viewing.samples import write_run

ROWS = "step,loss\n0,1\n"
BAD = [
    (ROWS + "1,abc\n", "progress.csv:3: loss: 'abc' is no number; shown as NaN"),
    (ROWS + "1,2,3\n", "progress.csv:3: 3 cells where the header has 2; left out"),
    (ROWS + "1,2", "progress.csv:3: the last line is not finished; left out"),
]


def reads(runs):
    """Everything that reads metrics, by its name."""
    return {
        "rows": runs.rows,
        "table": runs.table,
        "curves": lambda: runs.curves("loss"),
        "results": lambda: runs.results("loss", by=[]),
        "rows of a run": runs[0].rows,
        "curve of a run": lambda: runs[0].curve("loss"),
    }


@pytest.mark.parametrize("read", ["rows", "table", "curves", "results"])
@pytest.mark.parametrize(("progress", "sentence"), BAD)
def test_what_reads_metrics_warns_of_what_cannot_be_read(tmp_path, read, progress, sentence):
    write_run(tmp_path / "0", {"lr": 1}, progress)
    runs = xv.load(tmp_path)
    assert runs.faults == runs[0].faults == ()
    with pytest.warns(UserWarning, match="not all could be read: .*runs.faults has it") as said:
        reads(runs)[read]()
    assert sentence in str(said[0].message)
    assert said[0].filename == __file__
    assert [str(fault).rpartition("/")[2] for fault in runs[0].faults] == [sentence]
    assert runs.faults == runs[0].faults


@pytest.mark.parametrize("read", ["rows of a run", "curve of a run"])
def test_so_does_what_reads_those_of_one_run(tmp_path, read):
    write_run(tmp_path / "0", {"lr": 1}, BAD[0][0])
    with pytest.warns(UserWarning, match="'abc' is no number"):
        reads(xv.load(tmp_path))[read]()


def test_a_fault_is_warned_of_once(tmp_path):
    write_run(tmp_path / "0", {"lr": 1}, BAD[0][0])
    runs = xv.load(tmp_path)
    with pytest.warns(UserWarning, match="no number"):
        runs.rows()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for read in reads(runs).values():
            read()


def test_loading_warns_of_configs_that_cannot_be_read(tmp_path):
    for job in range(3):
        write_run(tmp_path / str(job), "lr: [1, 2\n", {"loss": [1.0]})
    with pytest.warns(UserWarning, match=r"config.yaml:2: no valid YAML.* and 2 more are in"):
        runs = xv.load(tmp_path)
    assert [len(run.faults) for run in runs] == [1, 1, 1]


def test_a_row_that_is_just_being_written_is_warned_of_nowhere(tmp_path):
    write_run(tmp_path / "0", {"lr": 1}, BAD[2][0], State.RUNNING)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert xv.load(tmp_path).rows().height == 1
