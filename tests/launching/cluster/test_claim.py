"""Whose a chunk is: judged by the kernel on one machine, by signs of life between two."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from exptools.launching.cluster.claim import ChunkBusy, Claim, find_agent
from exptools.rundir import process_start


def claim_of_another_host(stem: Path, number: int = 1) -> Path:
    path = stem.with_name(f"{stem.name}.claim.{number}")
    holder = {"host": "n7", "place": ["n7", "pid:[1]"], "pid": os.getpid(), "start": "x"}
    path.write_text(json.dumps(holder))
    return path


def test_a_chunk_is_taken_once(tmp_path: Path) -> None:
    claim = Claim(tmp_path / "1")
    with pytest.raises(ChunkBusy, match=f"process {os.getpid()} on "):
        Claim(tmp_path / "1")
    claim.release()
    assert Claim(tmp_path / "1").number == 2


def test_what_is_no_claim_is_none_and_a_name_steers_no_terminal(tmp_path: Path) -> None:
    (tmp_path / "1.claim.x").touch()
    path = claim_of_another_host(tmp_path / "1")
    path.write_text("[" * 900_000)
    assert Claim(tmp_path / "1", patience=0.1).number == 2
    claim = Claim(tmp_path / "2")
    path = tmp_path / "2.claim.1"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"host": "n7\x1b[2J"}))
    with pytest.raises(ChunkBusy, match=r"on n7\\x1b\[2J"):
        Claim(tmp_path / "2")
    claim.release()


def test_a_released_claim_is_written_to_no_link_that_was_put_in_its_place(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "plan").mkdir()
    claim = Claim(tmp_path / "plan" / "1", beat=0.01)
    (tmp_path / "plan" / "1.claim.1").unlink()
    (tmp_path / "plan" / "1.claim.1").symlink_to(precious)
    claim.release()
    assert precious.read_text() == "mine"


def test_a_dead_agent_of_this_machine_is_known_at_once(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path\n"
        "from exptools.launching.cluster.claim import Claim\n"
        "Claim(Path(sys.argv[1])); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "1")], check=True)
    assert Claim(tmp_path / "1", patience=1000).number == 2
    assert [path.name for path in tmp_path.iterdir()] == ["1.claim.2"]


def test_an_agent_of_another_machine_lives_as_long_as_it_touches_its_claim(tmp_path: Path) -> None:
    path = claim_of_another_host(tmp_path / "1")
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(0.02):
            os.utime(path)

    thread = threading.Thread(target=beat)
    thread.start()
    with pytest.raises(ChunkBusy, match=f"process {os.getpid()} on n7"):
        Claim(tmp_path / "1", patience=5)
    ended.set()
    thread.join()
    assert Claim(tmp_path / "1", patience=0.1).number == 2


def test_a_claim_that_is_torn_or_of_a_stranger_is_judged_by_its_signs_of_life(
    tmp_path: Path,
) -> None:
    (tmp_path / "1.claim.4").write_text('{"pid": "ha')
    assert Claim(tmp_path / "1", patience=0.1).number == 5


def test_of_agents_that_see_a_dead_one_together_one_gets_the_chunk(tmp_path: Path) -> None:
    claim_of_another_host(tmp_path / "1")
    claims: list[Claim] = []
    busy: list[ChunkBusy] = []

    def take() -> None:
        try:
            claims.append(Claim(tmp_path / "1", patience=0.2))
        except ChunkBusy as error:
            busy.append(error)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(claims), len(busy)) == (1, 7)
    assert process_start(os.getpid())


def test_an_agent_whose_chunk_is_taken_back_ends_itself(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from exptools.launching.cluster.claim import Claim\n"
        "Claim(Path(sys.argv[1]), leave=Path(sys.argv[2]), beat=0.01); time.sleep(60)"
    )
    mark = tmp_path / "1.taken"
    mark.write_text("")
    command = [sys.executable, "-c", program, str(tmp_path / "1"), str(mark)]
    done = subprocess.run(command, check=False)
    assert done.returncode == -signal.SIGTERM


def test_how_old_a_sign_of_life_is_tells_the_clock_of_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = claim_of_another_host(tmp_path / "1")
    monkeypatch.setattr(time, "time", lambda: 0.0)  # this machine's clock is far behind
    assert find_agent(tmp_path / "1") == f"process {os.getpid()} on n7"
    os.utime(path, (1e9, 1e9))
    assert find_agent(tmp_path / "1") is None
