"""``from exptools.logging import logger``: the verbs of the original exptools and of rlpyt.

The same run as ``from exptools import logger`` reaches, by another door: what this object does not
say itself, that one does. ``docs/compat.md`` lists what differs from the originals.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from numbers import Real
from typing import Any, SupportsIndex

from exptools.logging.compat.output_verbs import OutputVerbs
from exptools.logging.compat.outputs import ScalarFile, TextFiles
from exptools.logging.errors import as_logging_error, obeys_on_error
from exptools.logging.rows.tags import Prefix, current_prefix, without_prefix
from exptools.logging.run_logger import Logger
from exptools.logging.run_logger import logger as run_logger
from exptools.logging.snapshots.policy import Mode
from exptools.logging.verbs import no_such_verb
from exptools.logging.writers.lines import say, stamped
from exptools.rundir import SNAPSHOTS_DIR, write_atomic

_NO_PREFIX = "there is no prefix to take away: call push_{}prefix before, once for each"


class _Defaults:
    """What verbs go by that are called often. Python finds the attributes of a class that has a
    ``__getattr__`` slowly, so these are not the logger's own.
    """

    __slots__ = ("iteration", "log_scalar", "prefixes")

    def __init__(self, engine: Logger) -> None:
        self.log_scalar = engine.log_scalar
        self.iteration: int | None = None
        self.prefixes: dict[str, list[str]] = defaultdict(list)  # by kind, each with outer ones


class CompatLogger(OutputVerbs):
    """The rlpyt-compatible API: the vocabulary of scripts without Hydra.

    Prefixes of a kind (``text_prefix`` and so on) stand behind those of all kinds (``prefix``).
    Steps that a verb is not given are those of :meth:`set_iteration`; without it they are counted.
    """

    def __init__(self, engine: Logger) -> None:
        self._engine = engine
        self._defaults = _Defaults(engine)
        self._prefixes_before: list[str] = []  # the prefix of all kinds, before each push
        self._texts = TextFiles()
        self._tables: dict[str, ScalarFile | None] = {}

    def __reduce__(self) -> str:
        return "logger"

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(self._engine, name)
        except AttributeError:
            raise no_such_verb(name, {*dir(type(self)), *dir(self._engine)}) from None

    def set_iteration(self, itr: int | None) -> None:
        """Choose the step of what is logged without one; None counts them."""
        self._defaults.iteration = itr

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
        if filename is not None:
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
        """Put a number into the current row."""
        self.log_scalar(str(key), val, itr)

    @obeys_on_error
    def record_tabular_misc_stat(
        self, key: str, values: Any, itr: int | None = None, placement: str = "back"
    ) -> None:
        """``key/Average``, ``/Std``, ``/Median``, ``/Min``, ``/Max``, or with the key behind."""
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
            self.log_scalar(f"{name}{key}" if placement == "front" else f"{key}/{name}", value, itr)

    @obeys_on_error
    def dump_scalar(self, filename: str | None = None) -> None:
        """End the row of ``progress.csv``, or of another file."""
        if filename is None:
            self._engine.dump(self._defaults.iteration)
        elif table := self._table(filename):
            table.dump()

    def dump_tabular(self, *_: object, **__: object) -> None:
        """End the row of ``progress.csv``."""
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
        if self._engine._current.is_silent:
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

    # Prefixes

    def prefix(self, prefix: str) -> Prefix:
        """Put a text before all tags and lines of a block."""
        return Prefix(prefix)

    def push_prefix(self, prefix: str) -> None:
        """Put a text before all tags and lines until :meth:`pop_prefix`."""
        self._prefixes_before.append(current_prefix.get())
        current_prefix.set(self._prefixes_before[-1] + prefix)

    def pop_prefix(self) -> None:
        """Take the last pushed prefix of all kinds away."""
        if not self._prefixes_before:
            raise IndexError(_NO_PREFIX.format(""))
        current_prefix.set(self._prefixes_before.pop())

    def _push(self, kind: str, prefix: str) -> None:
        self._defaults.prefixes[kind].append(self._kind_prefix(kind) + prefix)

    def _pop(self, kind: str) -> None:
        if not self._defaults.prefixes[kind]:
            raise IndexError(_NO_PREFIX.format(f"{kind}_"))
        self._defaults.prefixes[kind].pop()

    @contextlib.contextmanager
    def _inside(self, kind: str, prefix: str) -> Iterator[None]:
        self._push(kind, prefix)
        try:
            yield
        finally:
            self._pop(kind)

    text_prefix = functools.partialmethod(_inside, "text")
    scalar_prefix = functools.partialmethod(_inside, "scalar")
    tabular_prefix = functools.partialmethod(_inside, "scalar")
    image_prefix = functools.partialmethod(_inside, "image")
    gif_prefix = functools.partialmethod(_inside, "gif")
    push_text_prefix = functools.partialmethod(_push, "text")
    push_scalar_prefix = functools.partialmethod(_push, "scalar")
    push_tabular_prefix = functools.partialmethod(_push, "scalar")
    push_image_prefix = functools.partialmethod(_push, "image")
    push_gif_prefix = functools.partialmethod(_push, "gif")
    pop_text_prefix = functools.partialmethod(_pop, "text")
    pop_scalar_prefix = functools.partialmethod(_pop, "scalar")
    pop_tabular_prefix = functools.partialmethod(_pop, "scalar")
    pop_image_prefix = functools.partialmethod(_pop, "image")
    pop_gif_prefix = functools.partialmethod(_pop, "gif")

    # Snapshots

    def save_itr_params(self, itr: int, params: object) -> None:
        """Save an object as a snapshot that holds nothing else, if the mode keeps this one.

        Raises:
            SnapshotError: it cannot be pickled.
            LoggingError: it cannot be written; the snapshots before are as they were.
        """
        self._engine.save_raw_snapshot(params, itr)

    def set_snapshot_mode(self, mode: Mode | int, gap: int = 1, keep: int | None = None) -> None:
        """``all``, ``last``, ``gap``, ``last+gap`` or ``none``; a number is a gap.

        Raises:
            ValueError: there is no such mode, or the gap is less than 1.
        """
        if isinstance(mode, int):
            self._engine.set_snapshot_mode("gap", mode, keep)
        else:
            self._engine.set_snapshot_mode(mode, gap, keep)

    def get_snapshot_dir(self) -> str | None:
        """Where snapshots are, None where no run is open."""
        directory = self._engine.directory
        return None if directory is None else str(directory / SNAPSHOTS_DIR)

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
        for filename in list(self._tables):
            self.remove_scalar_output(filename)
        self._texts.clear()
        self._defaults.iteration = None
        self._engine.close(succeeded=succeeded)

    def _at(self, step: SupportsIndex | None) -> SupportsIndex | None:
        return self._defaults.iteration if step is None else step

    def _full(self, kind: str, tag: str) -> str:
        """A tag, or a line of text, with all its prefixes."""
        return current_prefix.get() + self._kind_prefix(kind) + tag

    def _kind_prefix(self, kind: str) -> str:
        prefixes = self._defaults.prefixes[kind]
        return prefixes[-1] if prefixes else ""


def _rate(tag: str, duration: float) -> float:
    """Frames a second; so many that a float cannot say it are refused as they are."""
    if isinstance(duration, Real) and duration > 0:
        return 1 / max(float(duration), sys.float_info.min)
    raise ValueError(f"the GIF {tag!r} needs a duration above 0, in seconds, not {duration!r}")


logger = CompatLogger(run_logger)
"""The one that scripts of rlpyt and the original import."""
