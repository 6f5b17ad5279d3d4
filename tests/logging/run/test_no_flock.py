"""A run on a file system that refuses flock, as Lustre without ``-o flock`` does."""

import csv

# The system call's answer there, below the run's directory; elsewhere the real one.
NO_FLOCK = """
import errno, fcntl, multiprocessing, os, sys, warnings
flock = fcntl.flock
def refusing(descriptor, how):
    if "/lustre" in os.readlink(f"/proc/self/fd/{descriptor}"):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
    flock(descriptor, how)
fcntl.flock = refusing
from exptools import logger
logger.open("lustre")
"""
WORKERS = """
def work(number):
    for step in range(50):
        logger.log_scalar(f"worker {number}", step, step)
        logger.dump()
children = [multiprocessing.get_context("fork").Process(target=work, args=(n,)) for n in range(4)]
for child in children: child.start()
for child in children: child.join()
logger.close()
"""


def test_workers_lose_no_row_and_tear_none(run_python) -> None:
    done = run_python(NO_FLOCK + WORKERS)
    assert done.returncode == 0, done.stderr
    with (run_python.home / "lustre" / "progress.csv").open() as file:
        header, *rows = csv.reader(file)
    assert {len(row) for row in rows} == {len(header)}
    for number in range(4):
        column = header.index(f"worker {number}")
        values = [float(row[column]) for row in rows if row[column]]
        assert values == [float(step) for step in range(50)]


def test_it_is_said_once(run_python) -> None:
    done = run_python(NO_FLOCK + WORKERS)
    (line,) = (line for line in done.stderr.splitlines() if "RuntimeWarning" in line)
    assert "this file system has no file locks (No locks available)" in line


def test_a_second_program_in_the_directory_is_refused(run_python) -> None:
    done = run_python(
        NO_FLOCK + "import subprocess\nif len(sys.argv) == 1:\n"
        "    second = subprocess.run([sys.executable, sys.argv[0], 'second'])\n"
        "    sys.exit(second.returncode != 1)\n"
    )
    assert done.returncode == 0, done.stderr
    assert "this directory is being logged by process" in done.stderr
