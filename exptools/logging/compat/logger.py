"""``from exptools.logging import logger``: the verbs of the original exptools and of rlpyt.

The same run as ``from exptools import logger`` reaches, by another door: what this object does not
say itself, that one does. ``docs/compat.md`` lists what differs from the originals.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, SupportsIndex

from exptools.logging.compat.output_verbs import OutputVerbs
from exptools.logging.compat.outputs import TextFiles
from exptools.logging.compat.prefix_verbs import Defaults, PrefixVerbs
from exptools.logging.compat.snapshot_verbs import SnapshotVerbs
from exptools.logging.errors import as_logging_error, obeys_on_error, warn_user
from exptools.logging.rows.tags import current_prefix, without_prefix
from exptools.logging.run_logger import Logger
from exptools.logging.run_logger import logger as run_logger
from exptools.logging.verbs import no_such_verb
from exptools.logging.writers.lines import say, stamped
from exptools.rundir import PROGRESS_CSV, write_atomic

if TYPE_CHECKING:
    from exptools.logging.adapters.summary_writer import SummaryWriter

_DIGITS = re.compile(r"\d+")


class CompatLogger(OutputVerbs, PrefixVerbs, SnapshotVerbs):
    """The rlpyt-compatible API: the vocabulary of scripts without Hydra.

    A ``prefix`` stands before lines, and before the tags of the original's verbs: rlpyt's own
    (``record_tabular``) have only their ``tabular_prefix``, for rlpyt's ``prefix`` counts
    iterations. Steps that a verb is not given are those of :meth:`set_iteration`; without it they
    are counted.
    """

    def __init__(self, engine: Logger) -> None:
        self._engine = engine
        self._defaults = Defaults(engine)
        self._prefixes_before = []
        self._texts = TextFiles()
        self._tables = {}
        self._tabular_outputs = {}
        self._snapshots = None
        self._tabular_only = False
        self._writer: SummaryWriter | None = None
        self._own: dict[str, Any] | None = None  # while it logs where a client does
        self.joins_statistics = "/"  # between a batch's tag and its statistic, in rlpyt's verb

    def __reduce__(self) -> str:
        return "logger"

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(self._engine, name)
        except AttributeError:
            raise no_such_verb(name, {*dir(type(self)), *dir(self._engine)}) from None

    def set_client(self, client: CompatLogger) -> None:
        """Log where another logger does, until :meth:`unset_client`, as the original's does.

        Raises:
            TypeError: it is no ``exptools.logging.Logger``.
        """
        if not isinstance(client, CompatLogger):
            raise TypeError(f"set_client takes an exptools.logging.Logger, not {client!r:.60}")
        self._own = self._own or dict(vars(self))
        vars(self).update({**vars(client), "_own": self._own})

    def unset_client(self) -> None:
        """Log to a run of its own again."""
        vars(self).update(self._own or {}, _own=None)

    def set_iteration(self, itr: int | None) -> None:
        """Choose the step of what is logged without one; None counts them."""
        self._defaults.iteration = itr

    set_step = set_iteration

    # Scalars

    def log_scalar(
        self,
        tag: str,
        data: object,
        step: SupportsIndex | None = None,
        filename: str | None = None,
        with_prefix: bool = True,
        **_: object,
    ) -> None:
        """As :meth:`Logger.log_scalar`, or into another file that ``add_scalar_output`` opened."""
        if filename is not None and filename != PROGRESS_CSV:
            name = self._full("scalar", tag) if with_prefix else tag
            self._log_to_table(filename, name, data, step)
        elif with_prefix:  # called so often that the engine puts the prefix of all kinds before
            defaults = self._defaults
            prefixes = defaults.prefixes["scalar"]
            name = prefixes[-1] + tag if prefixes else tag
            defaults.log_scalar(name, data, defaults.iteration if step is None else step)
        else:
            with without_prefix():
                self._engine.log_scalar(tag, data, self._at(step))

    @obeys_on_error
    def log_scalar_batch(
        self,
        tag: str,
        data: Any,
        step: SupportsIndex | None = None,
        filename: str | None = None,
        **options: Any,
    ) -> None:
        """``tag/Average``, ``/Std``, ``/Max``, ``/Min`` and ``/Len`` of numbers without NaNs.

        By ``from exptools import logger`` they are ``tag/mean``, ``/std``, ``/max``, ``/min`` and
        ``/count``.
        """
        from exptools.logging.rows.arrays import batch_statistics

        names = {"mean": "Average", "std": "Std", "max": "Max", "min": "Min", "count": "Len"}
        values = batch_statistics(tag, data)
        if values[f"{tag}/count"]:
            for ours, theirs in names.items():
                value = values[f"{tag}/{ours}"]
                self.log_scalar(f"{tag}/{theirs}", value, step, filename, **options)

    def record_tabular(self, key: object, val: object, itr: int | None = None, *_: object) -> None:
        """Put a number into the current row; of prefixes only ``tabular_prefix`` is before it."""
        name, prefix = self._kind_prefix("scalar") + str(key), current_prefix.get()
        for table in self._tabular_outputs:
            self._log_to_table(table, name, val, itr)
        if not prefix:
            self._defaults.log_scalar(name, val, self._at(itr))
            return
        self._note_lost(name, prefix)
        with without_prefix():
            self._defaults.log_scalar(name, val, self._at(itr))

    def _note_lost(self, name: str, prefix: str) -> None:
        """Warn of a number that takes another's place, where the original told them apart."""
        first = self._defaults.recorded.setdefault(name, prefix)
        if _DIGITS.sub("", first) != _DIGITS.sub("", prefix):
            warn_user(
                f"{name!r} was recorded under {first!r} and {prefix!r} in one row, which keeps the "
                "last: record_tabular goes by tabular_prefix, log_scalar by prefix, too"
            )

    @obeys_on_error
    def record_tabular_misc_stat(
        self, key: str, values: Any, itr: int | None = None, placement: str = "back"
    ) -> None:
        """``key/Average``, ``/Std``, ``/Median``, ``/Min``, ``/Max``, or with the key behind.

        Without the slash if ``logger_context`` was told ``use_summary_writer=False``.
        """
        import numpy as np

        from exptools.logging.rows.arrays import as_numbers

        numbers = as_numbers(f"the batch {key!r}", values).astype(np.float64)
        numbers = numbers if numbers.size else np.array([np.nan])
        statistics = {
            "Average": numbers.mean(),
            "Std": numbers.std(),
            "Median": np.median(numbers),
            "Min": numbers.min(),
            "Max": numbers.max(),
        }
        for name, value in statistics.items():
            behind = f"{key}{self.joins_statistics}{name}"
            self.record_tabular(f"{name}{key}" if placement == "front" else behind, value, itr)

    @obeys_on_error
    def dump_scalar(self, filename: str | None = None) -> None:
        """End the row of ``progress.csv``, or of another file."""
        if filename is None or filename == PROGRESS_CSV:
            self._defaults.recorded.clear()
            self._engine.dump(self._defaults.iteration)
        elif table := self._table(filename):
            table.dump()

    def dump_tabular(self, *_: object, **__: object) -> None:
        """End the row of ``progress.csv``."""
        for table in self._tabular_outputs:
            self.dump_scalar(table)
        self.dump_scalar()

    dump_data = dump_tabular

    # Texts, images, embeddings

    @obeys_on_error
    def log_text(
        self,
        data: str,
        step: SupportsIndex | str | None = None,
        filename: str | None = None,
        with_prefix: bool = True,
        with_timestamp: bool = True,
        color: str | None = None,
    ) -> None:
        """Say a line: on standard output, in ``debug.log`` or a file of texts, and to TensorBoard.

        By ``from exptools import logger`` it files a text under a tag; that call,
        ``log_text(tag, text, step)``, works here, too.
        """
        if isinstance(step, str):
            self._engine.log_text(data, step, filename)  # type: ignore[arg-type]
            return
        if self._engine._current.is_silent or self._tabular_only:
            return
        line = self._full("text", str(data)) if with_prefix else str(data)
        line = stamped(line) if with_timestamp else line
        path = self._texts.path(filename)
        say(line, color)
        self._engine._write_line(line, self._at(step), path)

    def log(
        self,
        s: str,
        with_prefix: bool = True,
        with_timestamp: bool = True,
        color: str | None = None,
    ) -> None:
        """Say a line, as :meth:`log_text`.

        By ``from exptools import logger`` it is another verb: numbers by their tags, as W&B logs
        them. :meth:`log_scalars` takes those here.
        """
        self.log_text(s, None, None, with_prefix, with_timestamp, color)

    def log_histogram(
        self, tag: str, data: Any, step: SupportsIndex | None = None, **_: Any
    ) -> None:
        """As :meth:`Logger.log_histogram`."""
        name = self._full("scalar", tag)
        with without_prefix():
            self._engine.log_histogram(name, data, self._at(step))

    def log_image(
        self,
        tag: str,
        data: Any,
        step: SupportsIndex | None = None,
        layout: str | None = None,
        **_: Any,
    ) -> None:
        """As :meth:`Logger.log_image`; the original's images are CHW."""
        name = self._full("image", tag)
        with without_prefix():
            self._engine.log_image(name, data, self._at(step), layout)

    def log_gif(
        self,
        tag: str,
        data: Any,
        step: SupportsIndex | None = None,
        duration: float = 0.1,
        fps: float | None = None,
        layout: str | None = None,
        **_: Any,
    ) -> None:
        """As :meth:`Logger.log_gif`, but for ``duration``, the seconds of a frame.

        By ``from exptools import logger`` the fourth argument is ``fps``, frames a second.
        """
        name, rate = self._full("gif", tag), _rate(tag, duration) if fps is None else fps
        with without_prefix():
            self._engine.log_gif(name, data, self._at(step), rate, layout)

    record_image = log_image
    record_gif = log_gif

    def log_embedding(
        self,
        tag: str,
        data: Any,
        step: SupportsIndex | None = None,
        text_label: Sequence[object] | None = None,
        image_label: Any = None,
    ) -> None:
        """As :meth:`Logger.log_embedding`, under other names."""
        with without_prefix():
            self._engine.log_embedding(tag, data, self._at(step), text_label, image_label)

    @obeys_on_error
    def save_param_dict(self, param: dict[str, Any], filename: str) -> None:
        """Write settings as JSON into the run directory; what JSON has not is there as its text."""
        try:
            text = json.dumps(param, indent=4, ensure_ascii=False, default=str)
        except (TypeError, ValueError, RecursionError) as error:
            raise type(error)(f"these settings cannot be written as JSON: {error}") from error
        if path := self._path_to_write(filename):
            with as_logging_error(path):
                write_atomic(path, text.encode(errors="replace"))

    def close(self, *, succeeded: bool = True) -> None:
        """End the run with all of its files."""
        self._tabular_outputs.clear()
        for filename in list(self._tables):
            self.remove_scalar_output(filename)
        self._texts.clear()
        self._defaults.iteration = None
        self._defaults.recorded.clear()
        self._snapshots = self._writer = None
        self.joins_statistics = "/"
        self._engine.close(succeeded=succeeded)

    @property
    def tb_writer(self) -> SummaryWriter | None:
        """The original's writer of event files, in the shape of PyTorch's; None without a run."""
        if self._writer is None and self._engine.directory is not None:
            from exptools.logging.adapters.summary_writer import SummaryWriter

            self._writer = SummaryWriter()
        return self._writer

    def _at(self, step: SupportsIndex | None) -> SupportsIndex | None:
        return self._defaults.iteration if step is None else step


def _rate(tag: str, duration: float) -> float:
    """Frames a second; so many that a float cannot say it are refused as they are."""
    if isinstance(duration, Real) and duration > 0:
        return 1 / max(float(duration), sys.float_info.min)
    raise ValueError(f"the GIF {tag!r} needs a duration above 0, in seconds, not {duration!r}")


logger = CompatLogger(run_logger)
"""The one that scripts of rlpyt and the original import."""
