import math
import shutil
import subprocess
import sys
import threading
import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from exptools.logging.errors import LoggingError


def rows(directory, *tags):
    """(step, value of each tag …) of each line of progress.csv, None where the cell is empty."""
    table = pd.read_csv(directory / "progress.csv")[["step", *tags]]
    return [
        tuple(None if pd.isna(cell) else cell for cell in row) for row in table.to_numpy(object)
    ]


class Tensor:
    """What a tensor is to the logger: something with item()."""

    shape = (2, 3)

    def __init__(self, value=None):
        self.value = value

    def item(self):
        if self.value is None:
            raise RuntimeError("a Tensor with 6 elements cannot be converted to Scalar")
        return self.value


def test_rows_without_a_step_are_counted(logger, tmp_path):
    logger.open(tmp_path)
    for loss in (0.5, 0.25, 0.125):
        logger.log_scalar("loss", loss)
        logger.dump()
    assert rows(tmp_path, "loss") == [(0, 0.5), (1, 0.25), (2, 0.125)]


def test_a_dump_with_nothing_pending_writes_no_row(logger, tmp_path):
    logger.open(tmp_path)
    logger.dump()
    logger.log_scalars({}, step=3)
    logger.dump()
    logger.log_scalar("a", 1)
    logger.dump()
    assert rows(tmp_path, "a") == [(0, 1)]


def test_a_later_step_ends_the_row(logger, tmp_path):
    logger.open(tmp_path)
    logger.log_scalar("a", 1, step=10)
    logger.log_scalar("b", 2, step=10)
    logger.log_scalar("a", 3, step=20)
    assert rows(tmp_path, "a", "b") == [(10, 1, 2)]
    logger.dump()
    assert rows(tmp_path, "a", "b") == [(10, 1, 2), (20, 3, None)]


def test_an_earlier_step_gets_a_row_of_its_own(logger, tmp_path):
    logger.open(tmp_path)
    logger.log_scalar("train", 1, step=100)
    logger.log_scalar("eval", 2, step=50)
    logger.log_scalar("eval_time", 3, step=50)
    logger.log_scalar("loss", 4, step=100)
    logger.dump()
    assert rows(tmp_path, "train", "loss", "eval", "eval_time") == [
        (50, None, None, 2, 3),
        (100, 1, 4, None, None),
    ]


def test_a_step_earlier_than_those_written_is_written_too(logger, tmp_path):
    logger.open(tmp_path)
    for step in (100, 50):
        logger.log_scalar("a", step, step)
        logger.dump()
    logger.log_scalar("a", 0)
    logger.dump()
    assert rows(tmp_path, "a") == [(100, 100), (50, 50), (101, 0)]


def test_values_without_a_step_belong_to_the_current_row(logger, tmp_path):
    logger.open(tmp_path)
    logger.log_scalar("lr", 1)
    logger.log_scalar("loss", 2, step=5)
    logger.log_scalar("acc", 3)
    logger.dump()
    assert rows(tmp_path, "lr", "loss", "acc") == [(5, 1, 2, 3)]


def test_dump_names_the_step_of_a_row_that_has_none(logger, tmp_path):
    logger.open(tmp_path)
    logger.log_scalar("a", 1)
    logger.dump(step=40)
    logger.log_scalar("a", 2, step=41)
    logger.dump(step=1000)
    assert rows(tmp_path, "a") == [(40, 1), (41, 2)]


def test_a_repeated_tag_keeps_the_last_value(logger, tmp_path):
    logger.open(tmp_path)
    logger.log_scalars({"a": 1, "b": 2})
    logger.log_scalar("a", 3)
    logger.dump()
    assert rows(tmp_path, "a", "b") == [(0, 3, 2)]


def test_closing_writes_the_pending_row_to_both_files(logger, tmp_path, read_events):
    logger.open(tmp_path)
    logger.log_scalar("a", 0.5, step=np.int32(3))
    logger.close()
    assert rows(tmp_path, "a") == [(3, 0.5)]
    assert read_events(tmp_path) == {"a": [(3, 0.5)]}
    assert not logger.is_open


def test_the_end_of_the_process_writes_the_pending_row(run_python, tmp_path):
    code = "import sys; from exptools import logger; logger.open(sys.argv[1]); "
    run_python(code + "logger.log_scalar('a', 7); sys.exit(3)", str(tmp_path))
    assert rows(tmp_path, "a") == [(0, 7)]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (3, "3"),
        (10**20, "100000000000000000000"),
        (10**300, str(10**300)),
        (Fraction(1, 10**400), "0.0"),
        (True, "1"),
        (0.1, "0.1"),
        (math.nan, "NaN"),
        (-math.inf, "-inf"),
        (np.float64(0.1), "0.1"),
        (np.float32(0.5), "0.5"),
        (np.longdouble(0.5), "0.5"),
        (np.int64(4), "4"),
        (np.bool_(False), "0"),
        (np.array([[2.5]]), "2.5"),
        (Tensor(2), "2"),
        (Tensor(False), "0"),
    ],
)
def test_any_scalar_is_written_as_the_number_that_it_is(logger, tmp_path, value, cell):
    logger.open(tmp_path)
    logger.log_scalar("a", value)
    logger.dump()
    assert (tmp_path / "progress.csv").read_text().split("\n")[1].split(",")[2] == cell


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        ("0.5", TypeError, "str '0.5'"),
        (None, TypeError, "NoneType"),
        (1j, TypeError, "complex"),
        (np.str_("x"), TypeError, "str"),
        (np.zeros(3), ValueError, r"ndarray of shape \(3,\)"),
        (np.zeros(0), ValueError, r"ndarray of shape \(0,\)"),
        (Tensor(), ValueError, r"Tensor of shape \(2, 3\)"),
    ],
)
def test_what_is_no_scalar_is_refused_by_its_tag(logger, tmp_path, value, error, words):
    logger.open(tmp_path)
    with pytest.raises(error, match=f"'train/loss' should be one number.*{words}"):
        logger.log_scalar("train/loss", value)


@pytest.mark.parametrize(
    ("tag", "error", "words"),
    [
        ("step", ValueError, "'step' is taken"),
        ("wall_time", ValueError, "'wall_time' is taken"),
        ("", ValueError, "at least one character"),
        ("\ud800", ValueError, "UTF-8"),
        ("x" * 200_000, ValueError, "programs could not read"),
        ("nul\0", ValueError, "programs could not read"),
        (7, TypeError, r"text, not 7 \(int\)"),
        (["a"], TypeError, "text, not"),
    ],
)
def test_what_is_no_tag_is_refused(logger, tmp_path, tag, error, words):
    logger.open(tmp_path)
    with pytest.raises(error, match=words):
        logger.log_scalar(tag, 1)


@pytest.mark.parametrize("step", [1.0, "1", np.array([1, 2])])
def test_a_step_that_is_no_integer_is_refused(logger, tmp_path, step):
    logger.open(tmp_path)
    with pytest.raises(TypeError, match="a step is an integer"):
        logger.log_scalar("a", 1, step)
    with pytest.raises(TypeError, match="a step is an integer"):
        logger.dump(step)


@pytest.mark.parametrize(
    "value",
    [
        *(10**400, -(10**400), 10**5000, np.longdouble("1e4000"), Fraction(10**400)),
        *(Tensor(10**400), np.array(10**400, object)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_number_that_no_float_holds_is_refused_by_its_tag(logger, tmp_path, value):
    logger.open(tmp_path)
    logger.log_scalar("a", 1, 0)
    with pytest.raises(ValueError, match="'train/loss' is beyond the range of a 64-bit float"):
        logger.log_scalar("train/loss", value, 0)
    logger.log_scalar("a", 2, 1)
    logger.dump()
    assert rows(tmp_path, "a") == [(0, 1), (1, 2)]


@pytest.mark.parametrize("value", [np.ma.masked, np.ma.array([1.0], mask=[True])])
def test_a_masked_value_is_refused_and_not_taken_for_what_lies_under_the_mask(
    logger, tmp_path, value
):
    logger.open(tmp_path)
    with pytest.raises(ValueError, match="'acc' is masked"):
        logger.log_scalar("acc", value)
    with pytest.raises(ValueError, match=r"should be one number .*, not MaskedArray of shape"):
        logger.log_scalar("acc", np.ma.array([1.0, 2.0], mask=[True, False]))
    logger.log_scalar("acc", np.ma.array([2.0], mask=[False]))
    logger.dump()
    assert rows(tmp_path, "acc") == [(0, 2)]


@pytest.mark.parametrize("step", [2**62 + 1, -(2**62) - 1, 10**5000], ids=["+", "-", "huge"])
def test_a_step_that_files_cannot_keep_is_refused(logger, tmp_path, step):
    logger.open(tmp_path)
    with pytest.raises(ValueError, match=r"a step should lie between -2\*\*62 and 2\*\*62"):
        logger.log_scalar("a", 1, step)
    with pytest.raises(ValueError, match="a step should lie between"):
        logger.dump(step)


def test_steps_are_counted_on_from_the_greatest_one(logger, tmp_path, read_events):
    logger.open(tmp_path)
    logger.log_scalar("a", 1, 2**62)
    logger.dump()
    logger.log_scalar("a", 2)
    logger.dump()
    assert read_events(tmp_path) == {"a": [(2**62, 1), (2**62 + 1, 2)]}


@pytest.mark.parametrize("scalars", [[("a", 1)], None, "a"])
def test_what_is_no_mapping_is_refused_in_a_sentence(logger, tmp_path, scalars):
    logger.open(tmp_path)
    with pytest.raises(TypeError, match="log_scalars takes a mapping of tags to numbers, not a"):
        logger.log_scalars(scalars)


def test_a_refused_value_leaves_the_row_as_it_was(logger, tmp_path):
    logger.open(tmp_path)
    logger.log_scalar("a", 1, step=1)
    with pytest.raises(TypeError):
        logger.log_scalars({"a": 2, "b": "text"}, step=2)
    logger.dump()
    assert rows(tmp_path, "a") == [(1, 1)]


def test_outside_any_run_it_warns_once_and_does_nothing(logger, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.warns(UserWarning, match=r"logger\.open\(directory\)") as seen:
        logger.log_scalar("a", 1)
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logger.log_scalar("a", 1)
        logger.dump()
    assert list(tmp_path.iterdir()) == []


def test_the_warning_is_seen_on_stderr_and_hydra_is_not_loaded(run_python):
    code = "import sys; from exptools import logger; logger.dump(); print('hydra' in sys.modules)"
    done = run_python(code)
    assert "no run is open" in done.stderr
    assert done.stdout == "False\n"


def test_reopening_keeps_the_rows_of_the_attempts_before(logger, tmp_path):
    for value in (1, 2, 3):
        logger.open(tmp_path)
        logger.log_scalar("a", value)
    logger.close()
    tables = [tmp_path / name for name in ("progress.1.csv", "progress.2.csv", "progress.csv")]
    assert [pd.read_csv(table)["a"].tolist() for table in tables] == [[1], [2], [3]]
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 3


def test_a_relative_directory_stays_where_it_was_opened(logger, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    logger.open("run")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    logger.log_scalar("a", 1)
    logger.dump()
    assert logger.directory == tmp_path / "run"
    assert rows(tmp_path / "run", "a") == [(0, 1)]


def test_an_opening_error_that_was_swallowed_is_raised_by_the_first_log_call(logger, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LoggingError, match="file"):
        logger.open(tmp_path / "file" / "run")
    with pytest.raises(LoggingError, match="file"):
        logger.log_scalar("a", 1)
    logger.open(tmp_path / "run")
    logger.log_scalar("a", 1)


def test_a_directory_deleted_during_the_run_is_an_error_that_names_the_file(logger, tmp_path):
    logger.open(tmp_path / "run")
    logger.log_scalar("a", 1)
    logger.dump()
    shutil.rmtree(tmp_path / "run")
    logger.log_scalar("a", 2)
    with pytest.raises(LoggingError, match=r"run/progress\.csv"):
        logger.dump()


def test_threads_share_the_rows_without_loss(logger, tmp_path, read_events):
    logger.open(tmp_path)

    def work(name):
        for step in range(200):
            logger.log_scalar(f"{name}/{step % 7}", step, step)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logger.close()
    table = pd.read_csv(tmp_path / "progress.csv").drop(columns=["step", "wall_time"])
    assert table.count().sum() == 4 * 200
    assert sum(map(len, read_events(tmp_path).values())) == 4 * 200


FORKING = """
import os, sys
from exptools import logger

logger.open(sys.argv[1])
logger.log_scalar("a", 1, 0)
for worker in (1, 2):
    if os.fork() == 0:
        for step in range(100):
            logger.log_scalars({f"{worker}/{step // 25}": step}, step)
        sys.exit()
for step in range(1, 300):
    logger.log_scalar("a", 1, step)
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
"""


def test_rows_of_forked_workers_go_to_the_same_files(run_python, tmp_path, read_events):
    done = run_python(FORKING, str(tmp_path))
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "progress.csv")
    assert table["a"].sum() == 300
    for worker in (1, 2):
        for part in range(4):
            steps = table[f"{worker}/{part}"].dropna().tolist()
            assert steps == list(range(part * 25, part * 25 + 25))
            assert len(read_events(tmp_path)[f"{worker}/{part}"]) == 25
    assert len(list(tmp_path.glob("progress*"))) == len(list(tmp_path.glob("events*"))) == 1


WORKERS = """
import multiprocessing, sys
from exptools import logger

def work(index):
    logger.log_scalar(f"worker/{index}", index)

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[2])
    logger.open(sys.argv[1])
    logger.log_scalar("a", 1)
    logger.dump()
    workers = [multiprocessing.Process(target=work, args=(index,)) for index in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    logger.log_scalar("a", 2)
"""


@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
def test_a_worker_need_not_dump_to_be_heard_at_its_end(run_python, tmp_path, how):
    done = run_python(WORKERS, str(tmp_path), how)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "progress.csv")
    assert table.iloc[:, 2:].sum().to_dict() == {"a": 3, "worker/1": 1, "worker/2": 2}


FORKING_WHILE_A_THREAD_LOGS = """
import os, sys, threading
from exptools import logger

started, may_end = threading.Event(), threading.Event()

class SlowTensor:
    def item(self):
        started.set()
        may_end.wait()
        return 1

logger.open(sys.argv[1], console=None)
threading.Thread(target=logger.log_scalar, args=("a", SlowTensor())).start()
started.wait()
child = os.fork()
if child == 0:
    logger.log_scalar("a", 2)
    logger.dump()
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
may_end.set()
"""


def test_a_child_forked_while_a_thread_logs_does_not_hang(run_python, tmp_path):
    done = run_python(FORKING_WHILE_A_THREAD_LOGS, str(tmp_path))
    assert done.stdout == "7\n"
    assert rows(tmp_path, "a") == [(0, 2), (0, 1)]


PICKLING = """
import sys, cloudpickle
from exptools import logger

def task(value):
    logger.log_scalar("a", value)

sys.stdout.buffer.write(cloudpickle.dumps(task))
"""

UNPICKLING = """
import pickle, sys
from exptools.logging import logger

logger.open(sys.argv[1])
pickle.load(sys.stdin.buffer)(7)
logger.dump()
"""


def test_a_pickled_task_reaches_the_logger_of_the_process_that_runs_it(tmp_path):
    sent = subprocess.run([sys.executable, "-c", PICKLING], stdout=subprocess.PIPE, check=True)
    command = [sys.executable, "-c", UNPICKLING, str(tmp_path)]
    subprocess.run(command, input=sent.stdout, check=True)
    assert rows(tmp_path, "a") == [(0, 7)]


@pytest.mark.parametrize("module", ["run_logger", "media.artifacts", "adapters.summary_writer"])
def test_importing_it_loads_nothing_heavy(run_python, module):
    heavy = {"numpy", "hydra", "google.protobuf", "PIL", "tensorboard", "torch", "cloudpickle"}
    code = f"import sys, exptools.logging.{module}; print({heavy} & set(sys.modules))"
    assert run_python(code).stdout == "set()\n"
