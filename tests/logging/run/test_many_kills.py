"""Programs that mix all that is logged, killed again and again: nothing is lost, torn or doubled.

python tests/logging/run/test_many_kills.py 100
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

# Two axes, new columns, late values, workers on a tag of the main process, texts, snapshots amid
# rows. What it logs depends on the update alone.
PROGRAM = """
import os, sys
from exptools import logger

def work(update):
    logger.log_scalars({"worker": update, "shared": update + 0.5}, update)
    logger.close()
    os._exit(0)

logger.open(sys.argv[1], console=None)
snapshot = logger.load_snapshot()
for u in range(0 if snapshot is None else snapshot.state["next"], int(sys.argv[2])):
    if u % 10 == 0:
        logger.log_scalar("eval/return", u / 3, 1000 * (u + 1))
    logger.log_scalars({"train/loss": u / 7, "shared": u}, u)
    os.write(1, b"%d\\n" % u)
    logger.log_scalar(f"late/{u // 100}", u, u)
    if u % 10 == 5:
        logger.log_scalar("eval/length", u, 1000 * (u - 4))
    if u % 13 == 0:
        logger.log_text("note", str(u), u)
    if u % 25 == 12:
        if os.fork() == 0:
            work(u)
        os.wait()
    if u % 7 == 3:
        logger.save_snapshot({"next": u + 1}, u)
    if u % 31 == 30:
        logger.dump()
"""


def run(directory, last, seconds=None):
    """Run the program up to an update, or kill it after a while: the last that it has told of."""
    command = [sys.executable, "-c", PROGRAM, str(directory), str(last)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, start_new_session=True) as process:
        first = process.stdout.readline()
        if seconds is not None:
            time.sleep(seconds)
            os.killpg(process.pid, signal.SIGKILL)  # with its workers, as a scheduler does
        told = [first, *process.stdout.readlines()]
    assert process.returncode == (0 if seconds is None else -signal.SIGKILL)
    return int([line for line in told if line.endswith(b"\n")][-1])


def expected(last):
    """How often each tag stands at each step after so many updates."""
    points = Counter()
    for u in range(last):
        points.update([("train/loss", u), ("shared", u), (f"late/{u // 100}", u)])
        if u % 10 == 0:
            points["eval/return", 1000 * (u + 1)] += 1
        if u % 10 == 5:
            points["eval/length", 1000 * (u - 4)] += 1
        if u % 25 == 12:
            points.update([("worker", u), ("shared", u)])
    return points


def in_table(directory):
    content = (directory / "progress.csv").read_bytes()
    lines = content.split(b"\n")
    torn = lines.pop() != b"" or len({line.count(b",") for line in lines}) > 1
    table = pd.read_csv(directory / "progress.csv")
    tags = table.columns[2:]
    found = Counter(
        (tag, int(step)) for tag in tags for step in table["step"][table[tag].notna()].tolist()
    )
    return found, torn


def faults(directory, told, *, is_over):
    """What is wrong with the files, when the program has told that it had logged an update."""
    found, torn = in_table(directory)
    wanted = expected(told + 1 if is_over else told)
    # The row that was open last in each axis may not be there.
    may_miss = set() if is_over else {*expected(told + 1)} - {*expected(told - 1)}
    lost = [p for p in wanted if found[p] < wanted[p] and p not in may_miss]
    limit = expected(told + (1 if is_over else 5000))
    doubled = [p for p in found if found[p] > limit[p]]
    index = directory / "media" / "index.jsonl"
    lines = index.read_text().splitlines() if index.exists() else ()
    notes = Counter(json.loads(line)["step"] for line in lines)
    lost += [("note", u) for u in range(0, told, 13) if not notes[u]]
    doubled += [("note", u) for u in notes if notes[u] > 1]
    if is_over:
        shown = in_tensorboard(directory)
        lost += [("TensorBoard", p) for p in found if shown[p] < found[p]]
        doubled += [("TensorBoard", p) for p in shown if shown[p] > found[p]]
    torn = torn or not all(map(ends_whole, directory.rglob("events.out.tfevents.*")))
    return {"lost": lost, "doubled": doubled, "torn": torn}


def in_tensorboard(directory):
    """How often TensorBoard shows each tag at each step, here and in the runs beside."""
    points = Counter()
    for run in (directory, *directory.glob("out_of_order/*")):
        events = EventAccumulator(str(run), size_guidance={"scalars": 0})
        events.Reload()
        for tag in events.Tags()["scalars"]:
            points.update((tag, event.step) for event in events.Scalars(tag))
    return points


def ends_whole(path):
    at, content = 0, path.read_bytes()
    while at < len(content):
        at += int.from_bytes(content[at : at + 8], "little") + 16  # with length and checksums
    return at == len(content)


def kill_and_check(directory, kills, dice):
    told = -1
    for _ in range(kills):
        told = run(directory, 10**9, dice.uniform(0, 0.3))
        yield faults(directory, told, is_over=False)
    run(directory, told + 40)
    yield faults(directory, told + 39, is_over=True)


NO_FAULTS = {"lost": [], "doubled": [], "torn": False}


@pytest.mark.slow
def test_a_program_that_mixes_everything_is_killed_and_loses_nothing(tmp_path):
    for found in kill_and_check(tmp_path, 3, random.Random()):
        assert found == NO_FAULTS


def main(kills):
    dice, done, bad = random.Random(), 0, 0
    while done < kills:
        now = min(10, kills - done)
        with tempfile.TemporaryDirectory() as home:
            for found in kill_and_check(Path(home), now, dice):
                if found != NO_FAULTS:
                    bad += 1
                    print({name: str(what)[:300] for name, what in found.items()}, flush=True)
        done += now
        print(f"{done} kills, {bad} checks that found faults", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
