"""What the calls of a writer come to: rows and media of a run, under names that it can have."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exptools.logging.adapters.names import Names
from exptools.logging.adapters.writer_runs import BorrowedConnection, Connection
from exptools.logging.errors import as_logging_error
from exptools.plain_files import refuse_others_below

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

    from exptools.logging.run_logger import Logger


class Target:
    """A writer's run, and what it remembers of the writer's calls.

    All methods raise what the verbs of :class:`Logger` raise.
    """

    def __init__(self, connection: Connection | BorrowedConnection, directory: str) -> None:
        self.directory = directory  # as its user calls it
        self._connection = connection
        self._names = Names()
        self._counted: set[str] = set()  # tags in the current row that came without a step
        self._hparams: dict[str, Any] | None = None  # of this run
        self.metrics: list[str] = []  # of the hyperparameters that come next, as messages say

    @property
    def is_open(self) -> bool:
        """Whether it has not been closed since it was last used."""
        return self._connection.is_open

    @property
    def logger(self) -> Logger:
        """The run's logger; opens the run again if need be."""
        return self._connection.logger

    def named(self, tag: str) -> tuple[Logger, str]:
        """The logger, and under which tag it should log what its user calls so."""
        return self.logger, self._names.usable(tag)

    def add(self, scalars: Mapping[str, Any], global_step: Any) -> None:
        """Put scalars into the row of a step; without one, a tag that comes again ends the row."""
        step = as_int(global_step)
        named = {self._names.usable(tag): value for tag, value in scalars.items()}
        logger = self.logger
        self._connection.begin_with(named, step)
        if step is None:
            if not self._counted.isdisjoint(named):
                self.flush()
            self._counted.update(named)
        logger.log_scalars(named, step)

    def add_hparams(
        self,
        hparams: Mapping[str, Any],
        metrics: Mapping[str, Any],
        run_name: str | None,
        step: Any,
    ) -> None:
        """Log both to this run or, where it has a name or other hyperparameters, to one below."""
        from exptools.logging.media.hparams import flatten

        if run_name in (None, "", ".") and self._hparams in (None, flatten(hparams)):
            self.log_hparams(hparams, list(metrics))
            self.add(metrics, step)
            return
        directory = os.path.join(self.directory, run_name or str(time.time()))
        with as_logging_error(Path(directory)):  # a link may lead to a run that is another's
            refuse_others_below(Path(self.directory), Path(directory))
        below = Target(Connection(directory), directory)
        try:
            below.log_hparams(hparams, list(metrics))
            below.add(metrics, step)
        finally:
            below.close()

    def log_hparams(self, hparams: Mapping[str, Any], metrics: list[str]) -> None:
        """Log the hyperparameters of this run."""
        from exptools.logging.media.hparams import flatten

        self._hparams = flatten(hparams)
        self.logger.log_hparams(hparams, metrics)

    def show(self, value: Summary.Value, global_step: Any) -> None:
        """Write to the event file what only TensorBoard knows what to do with."""
        step = as_int(global_step)
        self.logger._current.use(lambda run: run.show((value,), step))

    def flush(self) -> None:
        """End the row and write it."""
        self._counted.clear()
        if self.is_open:
            self.logger.dump()

    def close(self, *, succeeded: bool = True) -> None:
        """End the row, and the run, too, if nobody else writes to it."""
        self._counted.clear()
        self._connection.close(succeeded=succeeded)


def as_int(global_step: Any) -> int | None:
    """A step as the others take it: a float, or an array or tensor of one element, too."""
    return None if global_step is None else int(global_step)
