"""``logger_context``: a run of the rlpyt-compatible API, from its settings to its last row."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from exptools.logging.compat.logger import logger
from exptools.logging.run.earlier.position import last_step
from exptools.logging.run.values import set_values_aside
from exptools.logging.snapshots.policy import Mode
from exptools.rundir import DEBUG_LOG, PROGRESS_CSV

TEXT_LOG_FILE = DEBUG_LOG
SCALAR_LOG_FILE = PROGRESS_CSV
PARAMS_LOG_FILE = "params.json"
LOCAL_EXP = "local"


def get_log_dir(experiment_name: str, exp_machine: str = LOCAL_EXP) -> str:
    """``data/<exp_machine>/<experiment_name>/<yyyymmdd>`` in the current directory."""
    return os.path.join(_data(), exp_machine, experiment_name, f"{date.today():%Y%m%d}")


@contextlib.contextmanager
def logger_context(  # noqa: PLR0913 (what scripts of rlpyt and the original pass)
    log_dir: str | os.PathLike[str],
    run_ID: int | str,
    name: str,
    log_params: Mapping[str, Any] | None = None,
    snapshot_mode: Mode | int = "none",
    itr_i: int = 0,
    refresh: bool = False,
    *,
    override_prefix: bool = False,
    use_summary_writer: bool | None = None,
    snapshot_gap: int = 1,
) -> Iterator[None]:
    """Log to ``<log_dir>/run_<run_ID>`` inside the block.

    Args:
        log_dir: where the variant is; a relative one outside of ``data/`` is put into
            ``data/local/<name>/<yyyymmdd>/``.
        run_ID: the number of the run.
        name: of the experiment; it stands before each line of text.
        log_params: the run's settings, for ``params.json`` and TensorBoard's HParams table.
        snapshot_mode: "all", "last", "gap", "last+gap", "none", or a number, which is a gap.
        itr_i: the iteration with which this attempt begins. Rows before it stay; from it on they
            move to ``progress.<attempt>.csv``. With 0 the first step that is logged decides.
        refresh: start afresh: all rows of earlier attempts move there.
        override_prefix: rlpyt's: leave a relative ``log_dir`` where it is.
        use_summary_writer: rlpyt's: event files are written always; False names the statistics of
            `record_tabular_misc_stat` as rlpyt does without them, ``ReturnAverage``.
        snapshot_gap: for the modes with a gap.

    Raises:
        LoggingError: the run cannot be written, or another process logs there.
        ValueError: there is no such snapshot mode.
    """
    place = Path(log_dir).absolute() if override_prefix else _run_directory(Path(log_dir), name)
    run_dir = place / f"run_{run_ID}"
    logger.open(run_dir)
    succeeded = False
    try:
        logger.set_snapshot_mode(snapshot_mode, snapshot_gap)
        logger.joins_statistics = "" if use_summary_writer is False else "/"
        last = itr_i - 1 if itr_i > 0 else last_step(run_dir / PROGRESS_CSV)
        if itr_i <= 0:  # the program is run anew, and says again what it was made with
            set_values_aside(run_dir)
        if not refresh and last is not None:
            logger.resume(last)
        params = {**(log_params or {}), "name": name, "run_ID": run_ID}
        logger.save_param_dict(params, PARAMS_LOG_FILE)
        logger.add_text_output(TEXT_LOG_FILE)
        with logger.text_prefix(f"{name}_{run_ID} "):
            logger.log_hparams(params)
            yield
        succeeded = True
    finally:
        logger.close(succeeded=succeeded)


def _run_directory(log_dir: Path, name: str) -> Path:
    if log_dir.is_absolute() or Path(_data()) in log_dir.absolute().parents:
        return log_dir.absolute()
    place = Path(get_log_dir(name)) / log_dir
    print(f"logger_context: {log_dir} is outside of data/, so the run is in {place}")
    return place


def _data() -> str:
    return os.path.abspath("data")
