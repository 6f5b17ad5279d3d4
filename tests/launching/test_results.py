"""What a job left is loaded only if its own process has written it, or nobody but its user can."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from exptools.launching.cluster.chunk import Chunk
from exptools.launching.jobs import results
from exptools.launching.jobs.pickling import NotSent
from exptools.launching.jobs.results import NotLoaded, SavedValue, read_result
from exptools.launching.jobs.seal import bears_seal, new_key, seal
from exptools.launching.jobs.worker import Result
from exptools.rundir import RETURN_FILE, State, Status, read_status
from tests.conftest import App
from tests.launching.cluster.conftest import Planned, planned  # noqa: F401 (a fixture)

MakeApp = Callable[[str], App]
OTHER = 65534
LINE = b'{"error": null, "stopped": false}\n'

# Each job ends in its own way; somebody has put a result there before.
PLANTED = """
import pickle
from hydra.core.hydra_config import HydraConfig
run = HydraConfig.get().runtime.output_dir
with open(run + "/.exptools/return.pkl", "wb") as file:
    file.write(b'{"error": null, "stopped": false}\\n' + pickle.dumps(Trap()))
if cfg.x == 0:
    os.kill(os.getpid(), signal.SIGKILL)
os._exit(cfg.x - 1)
"""
TRAP = "class Trap: __reduce__ = lambda self: (open, ('sprung', 'w'))"


class Trap:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.mark), "w")


def leave(run_dir: Path, content: object) -> Path:
    path = run_dir / RETURN_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(LINE + pickle.dumps(content))
    return path


@pytest.mark.slow
def test_what_others_put_there_while_a_job_runs_is_not_loaded_at_its_end(
    make_app: MakeApp, start: str
) -> None:
    app = make_app(PLANTED)
    app.insert(TRAP)
    code, output = app.sweep("+x=0,1,2", start)
    assert code == 1, output
    refusal = "its .exptools/return.pkl is not loaded: its process has not written it"
    assert f"job 1 completed, but {refusal}" in output
    statuses = [read_status(app.out / number) for number in "012"]
    assert [status and (status.state, status.error) for status in statuses] == [
        (State.KILLED, f"killed by SIGKILL; {refusal}"),
        (State.COMPLETED, None),  # so its own process says by its exit code
        (State.FAILED, f"exited with code 1; {refusal}"),
    ]
    assert not (app.directory / "sprung").exists()


def test_a_seal_is_of_its_content_and_key_alone() -> None:
    key = new_key()
    sealed = seal(b"content", key)
    assert bears_seal(sealed, key)
    assert not bears_seal(sealed, new_key())
    assert not any(bears_seal(one, key) for one in (b"", b"content", b"x" + sealed[1:]))


def test_a_result_is_of_the_file_that_was_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = leave(tmp_path, Result(1))
    is_own = results.is_own

    def asked_while_another_takes_its_place(descriptor: int) -> bool:
        answer = is_own(descriptor)
        leave(tmp_path / "evil", Trap(tmp_path / "sprung")).replace(path)
        return answer

    monkeypatch.setattr(results, "is_own", asked_while_another_takes_its_place)
    assert read_result(tmp_path) == Result(1)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("whose", ["another user's", "everybody's"])
def test_a_result_that_others_can_have_written_is_loaded_nowhere(
    planned: Callable[..., Planned],  # noqa: F811
    tmp_path: Path,
    whose: str,
) -> None:
    plan = planned(["value = 1"])
    job = plan.jobs[0]
    path = leave(job.directory, Trap(tmp_path / "sprung"))
    if whose == "everybody's":
        path.chmod(0o666)
    elif not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("needs another user")
    else:
        os.chown(path, OTHER, OTHER)
    refusal = "its .exptools/return.pkl is not loaded: others can have written it"
    with pytest.raises(NotLoaded, match=refusal):
        read_result(job.directory)
    assert SavedValue(job.directory).load() == NotSent(refusal)
    (job.directory / ".exptools" / "status.json").write_text('{"state": "running"}')
    chunk = Chunk(plan.plan, 1, {0: job}, Status(State.QUEUED), "7_0", running={0: 1.0})
    (outcome,) = chunk.take_unsaid()
    assert outcome.result == Result(NotSent(refusal), lost=refusal)
    assert not (tmp_path / "sprung").exists()


def test_of_a_file_that_only_claims_to_be_large_nothing_is_read(tmp_path: Path) -> None:
    path = leave(tmp_path, Result(1))
    path.chmod(0o666)
    os.truncate(path, 2**40)
    with pytest.raises(NotLoaded, match="it is very large"):
        read_result(tmp_path, new_key())
