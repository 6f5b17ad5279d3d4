"""The logger: from anywhere in the user's code to the run that is open.

from exptools import logger

for step in range(1000):
    logger.log_scalar("train/loss", loss, step)
    logger.dump()
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, SupportsIndex

from exptools.logging.errors import LoggingError
from exptools.logging.media_verbs import MediaVerbs
from exptools.logging.rows.batch_statistics import statistics
from exptools.logging.rows.prefixes import Prefix, current_prefix
from exptools.logging.rows.rows import Number, as_number, as_step
from exptools.logging.run.open import OpenRun


class Logger(MediaVerbs):
    """Logs to ``progress.csv``, TensorBoard files, ``media/`` and ``snapshots/`` of a run.

    A row is a step: :meth:`dump` ends it, and so does a value of a later step. A value of an
    earlier step gets a row of its own; a tag logged again in one row keeps its last value.
    When a row has ended the operating system has it: the death of the process loses nothing.

    Inside a Hydra job the run directory is found by itself; a run that was opened by hand before
    goes on in the job, unless hydra/callbacks=exptools opens the job's directory. One program logs
    in a directory at a time. Methods may be called from any thread. Processes that were forked
    from the one that logs, or started by it, log to the same run. Of the processes of a
    distributed training only rank 0 logs, and those that open a directory by hand.
    """

    def __reduce__(self) -> str:
        # By name, so that a pickled task function finds the logger of the process it wakes up in.
        return "logger"

    def log_scalar(self, tag: str, value: object, step: SupportsIndex | None = None) -> None:
        """Put a number into the current row, or into the row of a step.

        Args:
            tag: the column's name; slashes group curves in the viewers.
            value: int, float or bool, or an array or tensor of one element.
            step: an integer; None means the current row, whose steps are counted 0, 1, 2, …

        Raises:
            TypeError: the tag is no text, the value no number or the step no integer.
            ValueError: the value holds several numbers or is beyond the range of a 64-bit float,
                the step is not within ±2⁶², or the tag is empty or taken.
            LoggingError: a later step ended a row that cannot be written; this value is kept.
        """
        with self._lock:
            run = self._run if self._hydra_run is None else None
            if run is None and (run := self._open_run()) is None:
                return
            if prefix := current_prefix.get():
                tag = prefix + tag
            if type(tag) is not str or tag not in run.tags:
                run.add_tag(tag)
            if self._throttles.rules and not self._throttles.keeps(tag):
                return
            number = value if type(value) is float else as_number(tag, value)
            if step is None or (type(step) is int and step == run.rows.named_step):
                run.rows.current.scalars[tag] = number
            else:
                self._put(run, {tag: number}, step)

    def log_scalars(self, scalars: Mapping[str, object], step: SupportsIndex | None = None) -> None:
        """Put several numbers, by their tags, into one row: all or, if one is refused, none.

        Raises:
            TypeError, ValueError, LoggingError: as :meth:`log_scalar`.
        """
        if not callable(getattr(scalars, "items", None)):
            kind = type(scalars).__name__
            raise TypeError(f"log_scalars takes a mapping of tags to numbers, not a {kind}")
        with self._lock:
            run = self._open_run()
            if run is not None:
                self._put(run, self._numbers(run, scalars), step)

    def log_scalar_mean(self, tag: str, value: object, step: SupportsIndex | None = None) -> None:
        """Take a number into the mean of all that this verb logs under a tag until the row ends.

        Raises:
            TypeError, ValueError, LoggingError: as :meth:`log_scalar`.
        """
        with self._lock:
            run = self._open_run()
            if run is not None:
                self._put(run, self._numbers(run, {tag: value}), step, mean=True)

    def log_scalar_batch(self, tag: str, array: Any, step: SupportsIndex | None = None) -> None:
        """Log ``tag/mean``, ``/std``, ``/min``, ``/max`` and ``/count`` of an array's numbers.

        Numbers that are NaN do not count. The deviation is the population's, as NumPy's.

        Args:
            tag: what the array is called.
            array: real numbers of any shape: an array, a tensor, or a sequence.
            step: as in :meth:`log_scalar`.

        Raises:
            TypeError: it holds something else.
            ValueError, LoggingError: as :meth:`log_scalar`.
        """
        with self._lock:
            run = self._open_run()
            if run is not None and self._throttles.keeps(self._named(run, tag)):
                self._put(run, self._numbers(run, statistics(tag, array)), step)

    def dump(self, step: SupportsIndex | None = None) -> None:
        """End the row and write it; when this returns, the operating system has it.

        Args:
            step: the row's step, if no value in it was logged with one; None counts on.

        Raises:
            TypeError, ValueError: the step is no integer, or not within ±2⁶².
            LoggingError: the row is missing in a file, which is named; other rows are as they were.
        """
        with self._lock:
            run = self._run if self._hydra_run is None else None
            if run is None and (run := self._open_run()) is None:
                return
            at = None if step is None else as_step(step)
            try:
                run.end_row(at)
            except LoggingError as error:
                self._complain(error)

    def prefix(self, text: str) -> Prefix:
        """Put a text before all tags inside a ``with`` block, or in a function that it decorates.

        Prefixes nest. Each thread and each task of asyncio has its own.

        Raises:
            TypeError: it is no text.
        """
        return Prefix(text)

    def throttle(self, tag: str, every: int) -> None:
        """Keep of what is logged under a tag the first and then every so many-th; 1 keeps all.

        So a hot loop may log each step. The tag is meant with its prefix.

        Raises:
            TypeError, ValueError: ``every`` is no integer from 1 on.
        """
        with self._lock:
            self._throttles.set(tag, every)

    def _numbers(self, run: OpenRun, scalars: Mapping[str, object]) -> dict[str, Number]:
        named = [(self._named(run, tag), value) for tag, value in scalars.items()]
        return {tag: as_number(tag, value) for tag, value in named if self._throttles.keeps(tag)}

    def _put(
        self,
        run: OpenRun,
        scalars: Mapping[str, Number],
        step: SupportsIndex | None,
        *,
        mean: bool = False,
    ) -> None:
        if not scalars:  # all of them are throttled
            return
        try:
            run.put(scalars, step, mean=mean)
        except LoggingError as error:
            self._complain(error)


logger = Logger()
"""The one that everybody imports."""
