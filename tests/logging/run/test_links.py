"""Links that a stranger left in a run's directory: the logger does not go where they lead."""

import errno
import os
from pathlib import Path

import pytest

from exptools.logging import logger as compat
from exptools.logging.adapters.summary_writer import SummaryWriter
from exptools.logging.errors import LoggingError
from exptools.logging.run_logger import Logger
from exptools.plain_json import parse_json
from exptools.provenance import write_provenance
from exptools.rundir import PATCH_FILE, PROVENANCE, PROVENANCE_FILE

LINK = "it is a link"


def files(directory: Path) -> dict[str, bytes]:
    """All that is there."""
    found = [path for path in directory.rglob("*") if path.is_file()]
    return {str(path.relative_to(directory)): path.read_bytes() for path in found}


def log(logger: Logger, directory: Path, *steps: int) -> None:
    logger.open(directory, console=None)
    for step in steps:
        logger.log_scalar("loss", 1.0, step)
        logger.dump()
    logger.close()


@pytest.mark.parametrize("linked", ["out_of_order", "out_of_order/1"])
def test_no_other_run_is_taken_for_what_went_back_in_an_earlier_attempt(
    logger: Logger, tmp_path: Path, linked: str
) -> None:
    mine, strangers = tmp_path / "mine", tmp_path / "stranger"
    log(logger, mine / "0", 0, 1)
    log(logger, strangers, 0, 1)
    (strangers / linked).parent.mkdir(exist_ok=True)
    (strangers / linked).symlink_to(mine if linked == "out_of_order" else mine / "0")
    before, rows = files(mine), files(strangers)
    with pytest.raises(LoggingError, match=LINK):
        log(logger, strangers, 1, 2)
    assert files(mine) == before
    assert rows.items() <= files(strangers).items()


@pytest.mark.parametrize("linked", ["out_of_order", "out_of_order/1"])
def test_what_goes_back_is_not_written_where_a_link_leads(
    logger: Logger, tmp_path: Path, linked: str
) -> None:
    elsewhere, run = tmp_path / "elsewhere", tmp_path / "run"
    elsewhere.mkdir()
    logger.open(run, console=None)
    (run / linked).parent.mkdir(exist_ok=True)
    (run / linked).symlink_to(elsewhere)
    logger.log_scalar("loss", 1.0, 5)
    logger.dump()
    with pytest.raises(LoggingError, match=rf"{LINK}.*progress\.csv has it"):
        log_back(logger)
    assert not any(elsewhere.iterdir())


def log_back(logger: Logger) -> None:
    logger.log_scalar("loss", 1.0, 4)
    logger.dump()


def test_what_killed_processes_left_is_removed_through_no_link(
    logger: Logger, tmp_path: Path
) -> None:
    elsewhere, run = tmp_path / "elsewhere", tmp_path / "run"
    (elsewhere / "1").mkdir(parents=True)
    (elsewhere / "1" / ".a.host-0.aside").touch()
    run.mkdir()
    (run / "out_of_order").symlink_to(elsewhere)
    with pytest.raises(LoggingError, match=LINK):
        logger.open(run, console=None)
    assert list((elsewhere / "1").iterdir())


def test_a_table_beside_the_runs_is_not_written_where_a_link_leads(tmp_path: Path) -> None:
    elsewhere, run = tmp_path / "elsewhere", tmp_path / "run"
    elsewhere.mkdir()
    (elsewhere / "test.csv").write_text("mine")
    run.mkdir()
    (run / "tables").symlink_to(elsewhere)
    compat.open(run, console=None)
    try:
        with pytest.raises(LoggingError, match=LINK):
            compat.add_scalar_output("tables/test.csv")
    finally:
        compat.close()
    assert files(elsewhere) == {"test.csv": b"mine"}


def test_hyperparameters_of_a_run_below_are_not_written_where_a_link_leads(tmp_path: Path) -> None:
    run, mine = tmp_path / "run", tmp_path / "mine"
    mine.mkdir()
    run.mkdir()
    (run / "trial").symlink_to(mine)
    writer = SummaryWriter(str(run))
    with pytest.raises(LoggingError, match=LINK):
        writer.add_hparams({"lr": 0.1}, {"loss": 1.0}, run_name="trial")
    writer.close()
    assert not any(mine.iterdir())


def test_where_the_code_comes_from_replaces_nothing_that_a_link_leads_to(tmp_path: Path) -> None:
    elsewhere, run = tmp_path / "elsewhere", tmp_path / "run"
    elsewhere.mkdir()
    run.mkdir()
    names = [os.path.basename(name) for name in (PATCH_FILE, PROVENANCE_FILE)]
    for name in names:
        (elsewhere / name).write_text("mine")
    (run / ".exptools").symlink_to(elsewhere)
    with pytest.raises(OSError, match=LINK):
        write_provenance(run, tmp_path)
    assert files(elsewhere) == dict.fromkeys(names, b"mine")


@pytest.mark.parametrize("name", [PATCH_FILE, PROVENANCE_FILE])
def test_a_job_takes_from_its_sweep_no_file_to_which_a_link_there_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run, secret = tmp_path / "sweep" / "0", tmp_path / "id_rsa"
    run.mkdir(parents=True)
    secret.write_text("private")
    write_provenance(tmp_path / "sweep", tmp_path)
    (tmp_path / "sweep" / name).unlink(missing_ok=True)
    (tmp_path / "sweep" / name).symlink_to(secret)
    monkeypatch.setenv(PROVENANCE, str(tmp_path / "sweep"))
    write_provenance(run, tmp_path)
    assert b"private" not in b"".join(files(run).values())
    assert parse_json((run / PROVENANCE_FILE).read_bytes())["directory"] == str(tmp_path)


@pytest.mark.parametrize("has_links", [True, False])
def test_the_jobs_of_a_sweep_share_what_was_gathered_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    run = tmp_path / "sweep" / "0"
    run.mkdir(parents=True)
    write_provenance(tmp_path / "sweep", tmp_path)
    (tmp_path / "sweep" / PATCH_FILE).write_bytes(b"+one")
    monkeypatch.setenv(PROVENANCE, str(tmp_path / "sweep"))
    if not has_links:
        monkeypatch.setattr(os, "link", not_supported)
    write_provenance(run, tmp_path)
    assert (run / PATCH_FILE).read_bytes() == b"+one"
    facts = [(place / PROVENANCE_FILE) for place in (run, tmp_path / "sweep")]
    assert facts[0].read_bytes() == facts[1].read_bytes()
    assert os.path.samefile(*facts) is has_links


def not_supported(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, "no links here")
