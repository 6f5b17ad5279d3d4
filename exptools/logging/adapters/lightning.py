"""Lightning: a logger for its Trainer that writes to ours.

from exptools.logging.adapters.lightning import ExptoolsLogger

trainer = Trainer(logger=ExptoolsLogger())
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

try:
    from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
    from lightning.pytorch.utilities.rank_zero import rank_zero_only
except ModuleNotFoundError:  # the same library under its older name
    from pytorch_lightning.loggers.logger import Logger, rank_zero_experiment
    from pytorch_lightning.utilities.rank_zero import rank_zero_only

from exptools.logging.run_logger import Logger as RunLogger
from exptools.logging.run_logger import logger as the_logger


class ExptoolsLogger(Logger):  # type: ignore[misc]  # what mypy does not read is Any
    """Logs to the run that is open, or that of the Hydra job; rank 0 does.

    Lightning saves after each call: what a call logs is a row, on disk when it returns. The run
    stays open when a fit ends, for a test that follows, until whoever opened it closes it.

    Args:
        logger: to which logger.
    """

    def __init__(self, logger: RunLogger = the_logger) -> None:
        super().__init__()
        self._logger = logger

    @property
    @rank_zero_experiment  # type: ignore[untyped-decorator]
    def experiment(self) -> RunLogger:
        """Our logger, for images and the like; on other ranks something that does nothing."""
        return self._logger

    @rank_zero_only  # type: ignore[untyped-decorator]
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Put metrics into the row of a step.

        Raises:
            TypeError, ValueError, LoggingError: as :meth:`RunLogger.log_scalars`.
        """
        self._logger.log_scalars(metrics, step)

    @rank_zero_only  # type: ignore[untyped-decorator]
    def log_hyperparams(
        self, params: Mapping[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """Log hyperparameters for TensorBoard's table.

        Raises:
            TypeError, ValueError, LoggingError: as :meth:`RunLogger.log_hparams`.
        """
        self._logger.log_hparams(vars(params) if isinstance(params, Namespace) else params)

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
