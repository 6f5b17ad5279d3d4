"""What belongs to which attempt at a run, whichever process logs first and in whatever order."""

import os
import subprocess
import sys

import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from exptools.logging.errors import LoggingError
from exptools.logging.run.earlier.position import EarlierRows
from exptools.logging.run.row_lock import Attempt
from exptools.logging.run_logger import Logger
from exptools.logging.writers.tensorboard import as_record
from exptools.rundir import ROW_LOCK, STATUS_WRITER, State, Status, write_status


@pytest.fixture
def crashed(tmp_path):
    """A run of which steps 0 to 5 are logged, and step 3 is the last in a snapshot."""
    logger = Logger()
    logger.open(tmp_path, console=None)
    logger.log_text("note", "the first attempt's", 5)
    for step in range(6):
        logger.log_scalar("a", step, step)
        logger.dump()
        if step < 4:
            logger.save_snapshot({"step": step}, step)
    logger.close()
    return tmp_path


@pytest.mark.parametrize(
    "content", ["[" * 4096, '{"forget": "x"}', '{"later_rows": 3}', '{"event_file": ["x"]}', "[1]"]
)
def test_what_anybody_says_of_an_attempt_keeps_nobody_from_logging(logger, crashed, content):
    (crashed / ROW_LOCK).write_text(content)
    logger.open(crashed, console=None)
    assert logger.load_snapshot().itr == 3
    logger.log_scalar("a", 4)
    logger.close()
    assert steps(crashed) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "event_file", ["/home/me/notes", "../events.out.tfevents.1", "notes", "events.out.tfevents.1/x"]
)
def test_where_an_attempts_events_go_is_a_file_of_the_run_whatever_anybody_says(event_file):
    assert Attempt(event_file="events.out.tfevents.1.host.2.0.exptools").is_sound
    assert not Attempt(event_file=event_file).is_sound


@pytest.mark.parametrize("message", [b"\x10\x80", b"\x0a\x02ab", b"\x10" + b"\xff" * 20 + b"\x01"])
def test_broken_events_of_an_attempt_before_keep_nobody_from_logging(logger, tmp_path, message):
    for directory in (tmp_path, tmp_path / "out_of_order/1"):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "events.out.tfevents.1.host.1.0").write_bytes(as_record(message))
    logger.open(tmp_path, console=None)
    logger.log_scalar("a", 1, 0)
    logger.close()
    assert steps(tmp_path) == [0]


def test_a_time_of_hundreds_of_digits_in_a_name_makes_no_name_too_long(logger, tmp_path):
    (tmp_path / f"events.out.tfevents.{'9' * 220}.h.1").touch()
    logger.open(tmp_path, console=None)
    logger.log_scalar("a", 1, 0)
    logger.close()
    assert steps(tmp_path) == [0]


def test_a_projectors_config_that_is_none_is_named(logger, tmp_path):
    (tmp_path / "projector_config.pbtxt").write_bytes(b"\xff")
    logger.open(tmp_path, console=None)
    with pytest.raises(LoggingError, match="it is no config of TensorBoard's projector"):
        logger.log_embedding("e", [[1.0, 2.0]], 0)


def test_of_a_header_that_is_wider_than_its_rows_only_their_cells_are_looked_at():
    looked = []
    columns = (looked.append(at) or at for at in range(2, 10**9))
    table = EarlierRows(b"step,wall_time,a,b\n9,1,,1\n")
    assert [*table.held(0, columns)] == [3]
    assert looked == [2, 3, 4]


def steps(directory):
    return pd.read_csv(directory / "progress.csv")["step"].tolist()


def log_hparams(logger):
    logger.log_hparams({"lr": 1})


def log_text(logger):
    logger.log_text("begun", "again", 0)


@pytest.mark.parametrize("log", [log_hparams, log_text])
@pytest.mark.parametrize("before", [True, False])
def test_what_is_no_scalar_may_be_logged_before_and_after_the_snapshot_is_loaded(
    logger, crashed, log, before
):
    logger.open(crashed, console=None)
    if before:
        log(logger)
    assert logger.load_snapshot().itr == 3
    if not before:
        log(logger)
    logger.log_scalar("a", 4)
    logger.close()
    assert steps(crashed) == [0, 1, 2, 3, 4]


def steps_of_texts(directory, tag):
    tensorboard = EventAccumulator(str(directory), size_guidance={"tensors": 0})
    tensorboard.Reload()
    return [event.step for event in tensorboard.Tensors(tag)]


def test_media_from_before_the_first_row_belong_to_the_new_attempt(logger, crashed, read_index):
    logger.open(crashed, console=None)
    log_text(logger)
    logger.log_scalar("a", 0)
    logger.dump()
    assert [record.tag for record in read_index(crashed)] == ["begun"]
    assert steps_of_texts(crashed, "begun") == [0]


def test_media_without_any_row_reach_tensorboard_at_the_end(logger, crashed):
    logger.open(crashed, console=None)
    log_text(logger)
    logger.close()
    assert steps_of_texts(crashed, "begun") == [0]


def test_many_media_without_any_row_do_not_wait_in_memory(logger, crashed):
    logger.open(crashed, console=None)
    for number in range(150):
        logger.log_text("t", str(number), number)
    assert steps_of_texts(crashed, "t") == list(range(150))


WORKER = """
import multiprocessing, sys
from exptools import logger

def work(may_log):
    may_log.wait()
    logger.log_scalar("worker", 1)
    logger.dump()

if __name__ == "__main__":
    logger.open(sys.argv[1], console=None)
    context = multiprocessing.get_context("spawn")
    may_log = context.Event()
    worker = context.Process(target=work, args=(may_log,))
    if sys.argv[2] == "first":
        logger.load_snapshot()
    else:
        logger.log_scalars({"a": 0})
    worker.start()
    if sys.argv[2] == "last":
        logger.close()
    may_log.set()
    worker.join()
    if sys.argv[2] == "first":
        logger.log_scalar("a", 4)
"""


def test_a_worker_that_logs_first_does_not_replace_what_the_snapshot_continues(run_python, crashed):
    done = run_python(WORKER, str(crashed), "first")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(crashed / "progress.csv")
    assert table.dropna(subset="a")["step"].tolist() == [0, 1, 2, 3, 4]
    assert table["worker"].sum() == 1


def test_a_worker_that_outlives_the_run_adds_to_it(run_python, tmp_path):
    done = run_python(WORKER, str(tmp_path / "run"), "last")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "run" / "progress.csv")
    assert (table["a"].count(), table["worker"].count()) == (1, 1)


# Two workers, one of which has joined the run before it is killed and one that comes too late.
ORPHANS = """
import os, sys
from exptools import logger

def say(*words):  # in one write: both print into one pipe
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def work(name):
    say(name)
    sys.stdin.readline()
    for verb, *given in (("log_scalar", name, 1), ("dump",), ("save_snapshot", 1, 7)):
        try:
            getattr(logger, verb)(*given)
        except OSError as error:
            say(name, verb, error)
    say("done")
    os._exit(0)

if sys.argv[2:]:
    work(sys.argv[2])
logger.open(sys.argv[1], console=None)
logger.log_scalar("a", 1)
logger.dump()
if os.fork() == 0:
    work("forked")
import subprocess
subprocess.run([sys.executable, __file__, sys.argv[1], "started"])
"""


def test_workers_that_outlive_a_killed_process_leave_the_next_attempt_alone(tmp_path, logger):
    (tmp_path / "train.py").write_text(ORPHANS)
    run, pipe = tmp_path / "run", subprocess.PIPE
    command = [sys.executable, "-u", str(tmp_path / "train.py"), str(run)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert {process.stdout.readline() for _ in range(2)} == {"forked\n", "started\n"}
        process.kill()
        process.wait()
        logger.open(run, console=None)
        logger.log_scalar("a", 2)
        logger.dump()
        said, _ = process.communicate("go\ngo\n")
    for name, verb in (("forked", "dump"), ("forked", "save_snapshot"), ("started", "log_scalar")):
        assert f"{name} {verb} {run}: this run was started again" in said
    logger.log_scalar("a", 3)
    logger.close()
    table = pd.read_csv(run / "progress.csv")
    assert (list(table), table["a"].tolist()) == (["step", "wall_time", "a"], [2, 3])
    assert not list(run.glob("snapshots/*"))


def test_a_forked_worker_belongs_to_all_attempts_of_its_living_parent(run_python):
    done = run_python("""
import os
from exptools import logger
go, done = os.pipe(), os.pipe()
logger.open("run", console=None)
logger.log_scalar("a", 0)
logger.dump()
if os.fork() == 0:
    for update in range(2):
        os.read(go[0], 1)
        logger.log_scalar("worker", update, update)
        logger.dump()
        os.write(done[1], b".")
    os._exit(0)
for _ in range(2):
    logger.log_scalar("a", 1)
    os.write(go[1], b".")
    os.read(done[0], 1)
    logger.open("run", console=None)
os.wait()
""")
    assert (done.returncode, done.stderr) == (0, "")
    for name, update in (("progress.1.csv", 0), ("progress.csv", 1)):
        assert pd.read_csv(run_python.home / "run" / name)["worker"].dropna().tolist() == [update]


def test_the_end_of_a_forked_worker_is_not_the_end_of_the_hyperparameters_run(run_python):
    done = run_python("""
import os
from exptools import logger
logger.open("run", console=None)
logger.log_hparams({"lr": 1})
if os.fork() == 0:
    logger.log_scalar("worker", 1)
    logger.close()
    os._exit(0)
os.wait()
os._exit(0)
""")
    assert done.returncode == 0, done.stderr
    (events,) = (run_python.home / "run").glob("events*")
    tags = {
        value.tag for event in EventFileLoader(str(events)).Load() for value in event.summary.value
    }
    assert "worker" in tags
    assert "_hparams_/session_end_info" not in tags


def test_an_attempt_is_the_same_before_and_after_its_scheduler_has_noted_the_process(
    tmp_path, monkeypatch
):
    def process_logs(status):
        write_status(tmp_path, status)
        logger = Logger()
        logger.log_scalar("a", 1)
        logger.close()

    monkeypatch.setenv(STATUS_WRITER, str(tmp_path))
    first = {"queued": 1.0, "attempt": 1}
    process_logs(Status(State.QUEUED, pid_start="the scheduler's", **first))
    process_logs(Status(State.RUNNING, pid_start="the job's", **first))
    assert len(steps(tmp_path)) == 2
    process_logs(Status(State.QUEUED, pid_start="the scheduler's", queued=1.0, attempt=2))
    assert len(steps(tmp_path)) == 1
    assert os.path.exists(tmp_path / "progress.1.csv")
