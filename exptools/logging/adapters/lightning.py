"""Lightning: a logger for its Trainer that writes to ours.

from exptools.logging.adapters.lightning import ExptoolsLogger

trainer = Trainer(logger=ExptoolsLogger("runs/first"))  # no directory: the run that is open
"""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

try:
    from lightning.pytorch import Trainer
    from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
    from lightning.pytorch.utilities.rank_zero import rank_zero_only
except ModuleNotFoundError:  # the same library under its older name
    from pytorch_lightning import Trainer
    from pytorch_lightning.loggers.logger import Logger, rank_zero_experiment
    from pytorch_lightning.utilities.rank_zero import rank_zero_only

from exptools.logging.adapters.going_on import calling, go_on
from exptools.logging.adapters.names import Names
from exptools.logging.adapters.summary_writer import SummaryWriter
from exptools.logging.adapters.target import Target
from exptools.logging.adapters.writer_runs import BorrowedConnection
from exptools.logging.run_logger import Logger as RunLogger
from exptools.logging.run_logger import logger as the_logger


class Experiment(SummaryWriter):
    """What modules log by themselves with: the verbs of a logger, and those of a SummaryWriter.

    Args:
        logger: whose run it is, and stays when this is closed.
    """

    def __init__(self, logger: RunLogger) -> None:
        directory = logger.directory
        self.log_dir = "" if directory is None else str(directory)
        self._exptools = Target(BorrowedConnection(logger), self.log_dir)
        self.logger = logger

    def __getattr__(self, name: str) -> Any:
        logger = vars(self).get("logger")
        return getattr(logger, name) if hasattr(logger, name) else super().__getattr__(name)


class ExptoolsLogger(Logger):  # type: ignore[misc]  # what mypy does not read is Any
    """Logs to the run that is open, or that of the Hydra job; rank 0 does.

    Lightning saves after each call: what a call logs is a row, on disk when it returns. The run
    stays open when a fit ends, for a test that follows, until whoever opened it closes it. A fit
    that goes on from a checkpoint goes on with the run that is there, and what is tested from one
    (``test(ckpt_path=…)``) adds to it; any other starts afresh.

    Args:
        directory: opens a run there, as ``logger.open(directory)`` does; None is the run that is
            open, or that of the Hydra job.
        logger: to which logger.

    Raises:
        LoggingError: the directory cannot be written, or another process logs there.
    """

    def __init__(
        self, directory: str | os.PathLike[str] | None = None, *, logger: RunLogger = the_logger
    ) -> None:
        super().__init__()
        self._logger = logger
        if directory is not None:
            logger.open(directory)
        self._names = Names()
        self._is_fit_known = False  # whether it goes on from a checkpoint
        self._experiment: Experiment | None = None

    @property
    @rank_zero_experiment  # type: ignore[untyped-decorator]
    def experiment(self) -> Experiment:
        """Our logger, for images and the like; on other ranks something that does nothing.

        It has the verbs of TensorBoard's writer, too, which modules may have been written for.
        """
        directory = "" if self._logger.directory is None else str(self._logger.directory)
        if self._experiment is None or self._experiment.log_dir != directory:
            self._experiment = Experiment(self._logger)
        return self._experiment

    @rank_zero_only  # type: ignore[untyped-decorator]
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Put metrics into the row of a step.

        Raises:
            TypeError, ValueError, LoggingError: as :meth:`RunLogger.log_scalars`.
        """
        if not self._is_fit_known:
            self._add_to_what_is_tested(calling(Trainer))
            go_on(self._logger, lambda: _step_before(step))
        named = {self._names.usable(tag): value for tag, value in metrics.items()}
        self._logger.log_scalars(named, step)

    @rank_zero_only  # type: ignore[untyped-decorator]
    def log_hyperparams(
        self,
        params: Mapping[str, Any] | Namespace | None,
        metrics: Mapping[str, Any] | float | None = None,
        step: int | None = None,
    ) -> None:
        """Log hyperparameters for TensorBoard's table, and metrics to be shown beside them.

        Args:
            params: the hyperparameters.
            metrics: first values of the metrics by their names; a number is ``hp_metric``.
            step: of the metrics; None is the current row.

        Raises:
            TypeError, ValueError, LoggingError: as :meth:`RunLogger.log_hparams`.
        """
        if metrics is None:
            metrics = {}
        elif not isinstance(metrics, Mapping):
            metrics = {"hp_metric": metrics}
        params = vars(params) if isinstance(params, Namespace) else params
        self._logger.log_hparams(params or {}, list(metrics))
        self._logger.log_scalars(metrics, step)

    @rank_zero_only  # type: ignore[untyped-decorator]
    def log_graph(self, model: Any, input_array: Any = None) -> None:
        """Log no graph, but learn of the fit that is about to begin: Lightning calls it then."""
        trainer = calling(Trainer)
        if trainer is not None:
            self._is_fit_known = not trainer.strategy.restore_checkpoint_after_setup
            self._add_to_what_is_tested(trainer)
            go_on(self._logger, lambda: _step_before_fit(trainer))

    def _add_to_what_is_tested(self, trainer: Trainer | None) -> None:
        """Keep what the training of a checkpoint has logged, if that is but tested."""
        if trainer is not None and trainer.state.fn != "fit" and trainer.ckpt_path:
            self._logger._current.use(lambda run: run.resume_at_end())

    @rank_zero_only  # type: ignore[untyped-decorator]
    def save(self) -> None:
        """End the row and write it."""
        self._logger.dump()

    @property
    def save_dir(self) -> str | None:
        """The run directory. Lightning keeps its checkpoints there, in ``checkpoints/``."""
        directory = self._logger.directory
        return None if directory is None else str(directory)

    root_dir = log_dir = save_dir  # Lightning asks by all three

    @property
    def name(self) -> str:
        """Nothing: the run directory needs no directories below it to be told from others."""
        return ""

    version = name


def _step_before_fit(trainer: Trainer) -> int | None:
    """The last step of a fit's checkpoint, which is loaded; None where it begins with step 0."""
    if trainer.state.fn != "fit":
        return None
    checkpoint = trainer._checkpoint_connector._loaded_checkpoint
    start = checkpoint.get("global_step", trainer.global_step)
    loop = checkpoint.get("loops", {}).get("fit_loop", {}).get("epoch_loop.state_dict", {})
    batches = loop.get("_batches_that_stepped", start)  # by which Lightning logs
    if batches != start:
        # Either an epoch goes on, whose last batch is not counted yet, or there are several
        # optimizers, or one that does not step each time. A row too many rather than one too few.
        start = batches + 1
    return start - 1 if start else None


def _step_before(step: int | None) -> int | None:
    """The same, as a fit's first metrics tell it, where its checkpoint was loaded afterwards."""
    trainer = calling(Trainer)
    if step is None or trainer is None or trainer.state.fn != "fit" or not trainer.ckpt_path:
        return None
    return step - 1
