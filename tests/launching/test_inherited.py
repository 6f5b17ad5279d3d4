"""What a sweep's processes inherit from the program that they are forked from."""

from collections.abc import Callable

import psutil

from exptools.launching.resume import SweepLock
from exptools.rundir import read_status
from tests.conftest import SWEEP, App, until

MakeApp = Callable[[str], App]


def test_a_stderr_that_is_no_file_fails_no_job(make_app: MakeApp, start: str) -> None:
    app = make_app("print('said', file=sys.stderr)")
    app.insert("""
class Tee:
    def __init__(self, *streams): self.streams = streams
    def write(self, text):
        for stream in self.streams: stream.write(text)
    def flush(self):
        for stream in self.streams: stream.flush()
sys.stderr = Tee(sys.stderr, open("tee", "a"))
""")
    app.completes("+x=1", start)
    assert (app.out / "0" / "output.log").read_text() == "said\n"


def test_more_open_files_than_select_knows_hinder_nobody(make_app: MakeApp) -> None:
    app = make_app("pass")
    app.insert("""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (2048, 2048))
opened = [open(os.devnull) for _ in range(1100)]
""")
    assert "2 completed" in app.completes("+x=1,2")


def test_the_ends_of_jobs_are_heard_where_their_signal_is_blocked(
    make_app: MakeApp, start: str
) -> None:
    app = make_app("assert signal.SIGCHLD in signal.pthread_sigmask(signal.SIG_BLOCK, [])")
    app.insert("signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])")
    app.completes("+x=1", start, "hydra.launcher.timeout=10")  # else nobody would look
    status = read_status(app.out / "0")
    assert status is not None
    assert status.ended is not None
    assert status.started is not None
    assert status.ended - status.started < 10


def test_a_signal_that_meets_the_guard_too_makes_no_second_program(make_app: MakeApp) -> None:
    app = make_app("pass")
    # As Ctrl-C does when it comes right after the fork, while the guard is of the same group.
    app.insert("""
program = os.getpid()
def interrupt():
    if os.getppid() == program:
        os.kill(os.getpid(), signal.SIGINT)
os.register_at_fork(after_in_child=interrupt)
import atexit
atexit.register(print, "the end")
""")
    output = app.completes("+x=1")
    assert output.count("the end") == 1
    assert "runs the program again" not in output


def test_each_job_reads_on_in_a_file_where_the_program_was(make_app: MakeApp) -> None:
    app = make_app("assert list(file) == expected, cfg.x")
    app.insert("""
expected = [f"{number}\\n" for number in range(1, 20_000)]
if not os.path.exists("lines"):
    with open("lines", "w") as file:
        file.writelines(["0\\n", *expected])
file = open("lines")
file.readline()
""")
    app.completes("+x=range(4)")


def test_a_fork_of_the_programs_that_outlives_it_keeps_nothing(
    make_app: MakeApp, start: str
) -> None:
    app = make_app("open(f'job-{cfg.x}', 'w').write(str(os.getpid()))\ntime.sleep(600 * cfg.x)")
    app.insert("""
from hydra_plugins.exptools_launcher._core import Sweep
launch = Sweep.launch
def fork_and_launch(self, job_overrides, first):
    if first == 1 and os.fork() == 0:
        open("fork", "w").write(str(os.getpid()))
        time.sleep(600)
    return launch(self, job_overrides, first)
Sweep.launch = fork_and_launch
""")
    program = app.start(*SWEEP, "+x=0,1", "hydra.sweeper.max_batch_size=1", start)
    files = [app.directory / name for name in ("job-1", "fork")]
    until(lambda: all(file.exists() and file.read_text() for file in files))
    job, fork = (psutil.Process(int(file.read_text())) for file in files)
    program.kill()
    try:
        program.wait(60)  # its last thread holds the lock a moment longer than the jobs live
        job.wait(timeout=60)
        SweepLock(app.out)
    finally:
        fork.kill()
        program.communicate()
