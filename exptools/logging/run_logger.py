"""The logger: from anywhere in the user's code to the run that is open.

from exptools import logger

for step in range(1000):
    logger.log_scalar("train/loss", loss, step)
    logger.dump()
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, SupportsIndex

from exptools.logging.errors import LoggingError, obeys_on_error
from exptools.logging.media_verbs import MediaVerbs
from exptools.logging.rows.row import Number, OpenRow, as_number, as_step
from exptools.logging.rows.tags import Prefix, by_tag, current_prefix
from exptools.logging.run.current import CurrentRun
from exptools.logging.run.open import OpenRun
from exptools.logging.run.options import LogOptions, as_options
from exptools.logging.run.paths import as_path
from exptools.logging.run_verbs import RunVerbs
from exptools.logging.snapshots.directory import SnapshotDirectory
from exptools.logging.snapshots.policy import Mode, SnapshotPolicy
from exptools.logging.verbs import no_such_verb
from exptools.rundir import SNAPSHOTS_DIR


class Snapshot(NamedTuple):
    """What :meth:`Logger.load_snapshot` gives."""

    state: Any
    itr: int | None  # None where a file of the original's save_itr_params does not say it


class Logger(MediaVerbs, RunVerbs):
    """Logs to ``progress.csv``, TensorBoard files, ``media/`` and ``snapshots/`` of a run.

    A row is a step: :meth:`dump` ends it, and so does a value of a later step. A value of an
    earlier step gets a row of its own; a tag logged again in one row keeps its last value. Tags
    may go by different steps: then each of these axes has an open row, and all end together.
    When a row has ended the operating system has it: the death of the process loses nothing.

    Inside a Hydra job the run directory is found by itself; a run that was opened by hand before
    goes on in the job, unless hydra/callbacks=exptools opens the job's directory. One program logs
    in a directory at a time. Methods may be called from any thread. Processes that were forked
    from the one that logs, or started by it, log to the same run. Of the ranks of a distributed
    training only rank 0 logs, unless the option ``all_ranks`` lets each log to its own directory.

    Every verb refuses what it cannot log (no number, no image, a taken tag, a step beyond ±2⁶²)
    with a TypeError or ValueError that says why. When a file cannot be written it raises a
    LoggingError that names the file and what it lacks, or warns once if ``on_error`` says so; what
    stood there stays readable. What else a verb raises, it says itself.
    """

    def __init__(self) -> None:
        self._current = CurrentRun()
        self._tags = self._current.tags

    def __reduce__(self) -> str:
        # By name, so that a pickled task function finds the logger of the process it wakes up in.
        return "logger"

    def __getattr__(self, name: str) -> Any:
        raise no_such_verb(name, dir(type(self)))

    # The run

    @property
    def is_open(self) -> bool:
        """Whether a run's files are open; inside a Hydra job the first log call opens them.

        In ranks above 0 they never are.
        """
        return self._current.is_open

    @property
    def directory(self) -> Path | None:
        """Where log calls write: the open run, or the Hydra job that they would open; else None.

        In ranks above 0 it is where rank 0 writes, as :meth:`open` was told.
        """
        return self._current.directory

    def open(
        self, directory: str | os.PathLike[str], options: LogOptions | None = None, **changes: Any
    ) -> None:
        """Start a run in a directory, which is made where it is missing; ends the run before it.

        Rows that ``progress.csv`` already holds move to ``progress.<attempt>.csv``, all of them or,
        after :meth:`load_snapshot` or :meth:`resume`, those that are replaced.

        Ranks above 0 of a distributed training only remember the directory, to load snapshots from
        there; a warning says so once.

        Args:
            directory: the run directory.
            options: how to log; see :class:`LogOptions`.
            changes: single options by their names.

        Raises:
            LoggingError: a file cannot be made, or another process logs in the directory.
            TypeError, ValueError: there is no such option, or it has no such value.

            Until another run is opened, every attempt to log raises it again, in case that the
            caller has swallowed it, as Hydra does.
        """
        path = as_path("the run directory", directory)
        self._current.open(path, as_options(options), changes)

    def resume(self, step: SupportsIndex) -> None:
        """Go on behind a step of the attempt before, for checkpoints that are not our snapshots.

        To be called before the first row ends; later it does nothing. Rows of later steps move to
        ``progress.<attempt>.csv``, and so do those from the first step that is logged now on,
        should it be an earlier one. Of tags that go by other steps, rows stay that were logged
        before. Steps that are counted begin behind the given one.
        """
        at = as_step(step)
        self._current.use(lambda run: run.resume(at))

    def close(self, *, succeeded: bool = True) -> None:
        """End the run, writing the row that is pending. Without a run it does nothing.

        Args:
            succeeded: whether all went well, for TensorBoard's HParams table.

        Raises:
            LoggingError: the pending row cannot be written; the run is closed all the same.
        """
        self._current.close(succeeded=succeeded)

    # Scalars

    def log_scalar(self, tag: str, value: object, step: SupportsIndex | None = None) -> None:
        """Put a number into the current row, or into the row of a step.

        Args:
            tag: the column's name; slashes group curves in the viewers.
            value: int, float or bool, or an array or tensor of one element.
            step: an integer; None means the row that was logged to last. The steps of rows that
                are given none are counted 0, 1, 2, …

        Raises:
            TypeError: the tag is no text, the value no number or the step no integer.
            ValueError: the value holds several numbers or is beyond the range of a 64-bit float,
                the step is not within ±2⁶², or the tag is empty or taken.
            LoggingError: a later step ended a row that cannot be written; this value is kept all
                the same.
        """
        # Spelled out and without a lock, because it is called so often; see OpenRow. Python finds
        # the attributes of a class that has a __getattr__ slowly: use few of them.
        current = self._current
        if prefix := current_prefix.get():
            tag = prefix + tag
        run, row = current.ready, None
        if run is not None and type(tag) is str and tag in current.tags.unthrottled:
            value = value if type(value) is float else as_number(tag, value)
            rows = run.rows
            row = rows.current
            if step is None or (type(step) is int and step == row.step):
                row.scalars[tag] = value
                if row is rows.current:
                    return
            else:
                row = None
        self._put_scalar(tag, value, step, row)

    def _put_scalar(
        self, tag: str, value: object, step: SupportsIndex | None, row: OpenRow | None
    ) -> None:
        """Put a number under a tag with its prefix, unless it came to a row before that ended."""
        current = self._current
        with current.lock:
            run = current.ready
            if run is None and (run := current.find()) is None:
                return
            if (row is not None and row.took(tag, value)) or not current.tags.keeps(tag):
                return
            try:
                run.put({tag: as_number(tag, value)}, step)
            except LoggingError as error:
                current.complain(error)

    def log_scalars(self, scalars: Mapping[str, object], step: SupportsIndex | None = None) -> None:
        """Put several numbers, by their tags, into one row: all or, if one is refused, none.

        Nested mappings are taken apart: ``{"train": {"loss": 0.5}}`` is ``train/loss``.
        """
        if not callable(getattr(scalars, "items", None)):
            kind = type(scalars).__name__
            raise TypeError(f"log_scalars takes a mapping of tags to numbers, not a {kind}")
        self._current.use(lambda run: run.put(self._numbers(by_tag(scalars)), step))

    def log(
        self,
        values: Mapping[str, object],
        step: SupportsIndex | None = None,
        *,
        commit: bool | None = None,
    ) -> None:
        """Log numbers as with W&B's ``log``: without a step, each call makes a row.

        By the other door, ``from exptools.logging import logger``, ``log(line)`` says a line of
        text instead.

        Args:
            values: numbers by their tags, as :meth:`log_scalars` takes them; what is no number has
                a verb of its own, which the error names.
            step: the row that they belong to, which a later step ends; None counts on.
            commit: whether they end the row; None means that they do if they have no step.
        """
        if not isinstance(values, Mapping):
            said = (
                f"log takes numbers by their tags, as in log({{'loss': 0.5}}), not {values!r:.60}"
            )
            hint = "; info(line) says a line of text" if isinstance(values, str) else ""
            raise TypeError(f"{said}{hint}")
        self.log_scalars(values, step)
        if commit if commit is not None else step is None:
            self.dump()

    def log_scalar_mean(self, tag: str, value: object, step: SupportsIndex | None = None) -> None:
        """Take a number into the mean of all that this verb logs under a tag until the row ends.

        NaN does not count, as in :meth:`log_scalar_batch`; the mean of nothing else is NaN.
        """
        self._current.use(lambda run: run.put(self._numbers({tag: value}), step, mean=True))

    @obeys_on_error
    def log_scalar_batch(self, tag: str, array: Any, step: SupportsIndex | None = None) -> None:
        """Log ``tag/mean``, ``/std``, ``/min``, ``/max`` and ``/count`` of an array's numbers.

        NaN does not count; where there is nothing else, all but the count are NaN. The deviation
        is the population's, as NumPy's. By ``from exptools.logging import logger`` the names are
        ``tag/Average`` and so on, as in rlpyt.

        Args:
            tag: the first part of the columns' names.
            array: real numbers of any shape: an array, a tensor, or a sequence.
            step: as in :meth:`log_scalar`.
        """
        from exptools.logging.rows.arrays import batch_statistics

        def put(run: OpenRun) -> None:
            if self._tags.admit(tag) is not None:
                run.put(self._numbers(batch_statistics(tag, array)), step)

        self._current.use(put)

    def dump(self, step: SupportsIndex | None = None) -> None:
        """End the row and write it; when this returns, the operating system has it.

        Args:
            step: the row's step, if no value in it was logged with one; None counts on.
        """
        current = self._current
        with current.lock:
            run = current.ready
            if run is None and (run := current.find()) is None:
                return
            at = None if step is None else as_step(step)
            try:
                run.end_row(at)
            except LoggingError as error:
                current.complain(error)

    def prefix(self, text: str) -> Prefix:
        """Put a text before all tags inside a ``with`` block, or in a function that it decorates.

        Prefixes nest. Each thread and each task of asyncio has its own.
        """
        return Prefix(text)

    def throttle(self, tag: str, every: int) -> None:
        """Keep the first and then every so many-th value of a tag, so that a hot loop may log each.

        The tag is meant with its prefix. With ``every=1`` all are kept again.
        """
        with self._current.lock:
            self._tags.throttle(tag, every)

    # Snapshots

    def set_snapshot_mode(self, mode: Mode, gap: int = 1, keep: int | None = None) -> None:
        """Choose for this run which snapshots are kept; see :class:`LogOptions`."""
        policy = SnapshotPolicy(mode, gap, keep)
        self._current.use(lambda run: run.choose_snapshots(policy))

    def save_snapshot(self, state: Any | Callable[[], Any], itr: SupportsIndex) -> Path | None:
        """Save what is needed to go on from here, as the run's snapshot mode says.

        The rows that are written now count when the run goes on; of open ones what they hold.

        Args:
            state: anything that can be pickled, tensors among it; or a function without arguments
                that gives it, and is called only if the mode keeps this one.
            itr: the iteration.

        Returns:
            The file, on the disk for good; None if the mode keeps none, or no run is open.

        Raises:
            SnapshotError: the state cannot be pickled, or the function takes arguments.
        """
        at = as_step(itr)
        return self._current.use(lambda run: run.save_snapshot(state, at))

    def save_raw_snapshot(self, params: object, itr: SupportsIndex) -> Path | None:
        """Save an object as a file that holds nothing else, as rlpyt's ``save_itr_params`` does.

        Returns, raises: as :meth:`save_snapshot`.
        """
        at = as_step(itr)
        return self._current.use(lambda run: run.snapshots.save_raw(params, at))

    def load_snapshot(
        self, itr: SupportsIndex | None = None, map_location: Any = None
    ) -> Snapshot | None:
        """Load the newest snapshot of the run's directory, or that of an iteration.

        When no row of this attempt has ended yet, the run goes on from there: rows that were
        logged after the snapshot move to ``progress.<attempt>.csv``.

        Args:
            itr: the iteration; None means the newest that is whole.
            map_location: where tensors go, as ``torch.load`` takes it.

        Returns:
            The state with its iteration, None where there is none.

        Raises:
            SnapshotError: there is none of that iteration, it cannot be loaded, all are damaged, or
                this is a rank above 0 that has opened no directory.
        """
        at = None if itr is None else as_step(itr)
        with self._current.lock:
            run = self._current.find()
            if run is not None and not run.is_muted:
                loaded = run.load_snapshot(at, map_location)
            else:
                directory = self._current.snapshots_from()
                if directory is None:
                    return None
                loaded = SnapshotDirectory(directory / SNAPSHOTS_DIR).load(at, map_location)
        return None if loaded is None else Snapshot(loaded.state, loaded.itr)

    def _numbers(self, scalars: Mapping[str, object]) -> dict[str, Number]:
        admitted = [(self._tags.admit(tag), value) for tag, value in scalars.items()]
        return {tag: as_number(tag, value) for tag, value in admitted if tag is not None}


logger = Logger()
"""The one that everybody imports."""
