"""``from exptools.logging import logger``: the verbs of the original exptools and of rlpyt.

The same run as ``from exptools import logger`` reaches, by another door: what this object does not
say itself, that one does. ``docs/compat.md`` lists what differs from the originals.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, SupportsIndex

from exptools.hints import did_you_mean
from exptools.logging.compat.outputs import ScalarFile, TextFiles
from exptools.logging.rows.tags import Prefix, current_prefix, without_prefix
from exptools.logging.run_logger import Logger
from exptools.logging.run_logger import logger as run_logger
from exptools.logging.snapshots.policy import Mode
from exptools.rundir import SNAPSHOTS_DIR, write_atomic


class _Defaults:
    """What verbs go by that are called often. Python finds the attributes of a class that has a
    ``__getattr__`` slowly, so these are not the logger's own.
    """

    __slots__ = ("iteration", "log_scalar", "prefixes")

    def __init__(self, engine: Logger) -> None:
        self.log_scalar = engine.log_scalar
        self.iteration: int | None = None
        self.prefixes: dict[str, list[str]] = defaultdict(list)  # by kind, each with outer ones


class CompatLogger:
    """The rlpyt-compatible API: the vocabulary of scripts without Hydra.

    Prefixes of a kind (``text_prefix`` and so on) stand behind those of all kinds (``prefix``).
    Steps that a verb is not given are those of :meth:`set_iteration`; without it they are counted.
    """

    def __init__(self, engine: Logger) -> None:
        self._engine = engine
        self._defaults = _Defaults(engine)
        self._prefixes_before: list[str] = []  # the prefix of all kinds, before each push
        self._texts = TextFiles()
        self._scalars: dict[str, ScalarFile] = {}  # besides progress.csv, by their names

    def __reduce__(self) -> str:
        return "logger"

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(self._engine, name)
        except AttributeError:
            verbs = [verb for verb in {*dir(type(self)), *dir(self._engine)} if verb[0] != "_"]
            hint = did_you_mean(name, verbs)
            raise AttributeError(f"the logger has no verb {name!r}{hint}") from None

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
            self._scalar_file(filename).log(name, data, step)
        elif with_prefix:  # called so often that the engine puts the prefix of all kinds before
            defaults = self._defaults
            prefixes = defaults.prefixes["scalar"]
            name = prefixes[-1] + tag if prefixes else tag
            defaults.log_scalar(name, data, defaults.iteration if step is None else step)
        else:
            with without_prefix():
                self._engine.log_scalar(tag, data, self._at(step))

    def log_scalar_batch(
        self,
        tag: str,
        data: Any,
        step: SupportsIndex | None = None,
        filename: str | None = None,
        **options: Any,
    ) -> None:
        """``tag/Average``, ``/Std``, ``/Max``, ``/Min`` and ``/Len`` of numbers without NaNs."""
        from exptools.logging.rows.arrays import batch_statistics

        names = {"mean": "Average", "std": "Std", "max": "Max", "min": "Min", "count": "Len"}
        values = batch_statistics("", data)
        if values["/count"]:
            for ours, theirs in names.items():
                self.log_scalar(f"{tag}/{theirs}", values[f"/{ours}"], step, filename, **options)

    def record_tabular(self, key: object, val: object, itr: int | None = None, *_: object) -> None:
        """Put a number into the current row."""
        self.log_scalar(str(key), val, itr)

    def record_tabular_misc_stat(
        self, key: str, values: Any, itr: int | None = None, placement: str = "back"
    ) -> None:
        """``key/Average``, ``/Std``, ``/Median``, ``/Min``, ``/Max``, or with the key behind."""
        import numpy as np

        numbers = np.asarray(values, np.float64)
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

    def dump_scalar(self, filename: str | None = None) -> None:
        """End the row of ``progress.csv``, or of another file."""
        if filename is None:
            self._engine.dump(self._defaults.iteration)
        else:
            self._scalar_file(filename).dump()

    def dump_tabular(self, *_: object, **__: object) -> None:
        """End the row of ``progress.csv``."""
        self.dump_scalar()

    dump_data = dump_tabular

    def add_scalar_output(self, filename: str) -> None:
        """Begin another table in the run directory, for ``filename=`` of the verbs."""
        if filename not in self._scalars:
            self._scalars[filename] = ScalarFile(self._path(filename))

    def remove_scalar_output(self, filename: str) -> None:
        """End another table, with its pending row."""
        self._scalars.pop(filename).close()

    @contextlib.contextmanager
    def additional_scalar_output(self, filename: str) -> Iterator[None]:
        """Another table in the run directory for as long as the block lasts."""
        self.add_scalar_output(filename)
        try:
            yield
        finally:
            self.remove_scalar_output(filename)

    # Texts, images, embeddings

    def log_text(
        self,
        data: str,
        step: SupportsIndex | str | None = None,
        filename: str | None = None,
        with_prefix: bool = True,
        with_timestamp: bool = True,
        color: str | None = None,
    ) -> None:
        """Say a line: on standard output, in ``debug.log``, and to TensorBoard.

        ``log_text(tag, text, step)`` of the other door works, too.
        """
        if isinstance(step, str):
            self._engine.log_text(data, step, filename)  # type: ignore[arg-type]
            return
        line = self._full("text", str(data)) if with_prefix else str(data)
        line = self._texts.say(line, filename, with_timestamp=with_timestamp, color=color)
        with without_prefix():
            self._engine.log_text("text", line, self._at(step))

    def log(
        self,
        s: str,
        with_prefix: bool = True,
        with_timestamp: bool = True,
        color: str | None = None,
    ) -> None:
        """Say a line, as :meth:`log_text`."""
        self.log_text(s, None, None, with_prefix, with_timestamp, color)

    def add_text_output(self, filename: str) -> None:
        """Append what is said to a file of the run directory, too; the first one is the default."""
        self._texts.add(filename, self._path(filename))

    def remove_text_output(self, filename: str) -> None:
        """Close a file of texts."""
        self._texts.remove(filename)

    @contextlib.contextmanager
    def additional_text_output(self, filename: str) -> Iterator[None]:
        """Another file of texts for as long as the block lasts."""
        self.add_text_output(filename)
        try:
            yield
        finally:
            self.remove_text_output(filename)

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
        """As :meth:`Logger.log_gif`; ``duration`` is the seconds of a frame."""
        name, rate = self._full("gif", tag), 1 / duration if fps is None else fps
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
        """Points for TensorBoard's projector.

        Args:
            tag: what they are called.
            data: [points, dimensions].
            step: as elsewhere.
            text_label: a text a point.
            image_label: an image a point, [points, 3, height, width].

        Raises:
            ValueError: the numbers of points and labels differ, or it has no two dimensions.
        """
        from exptools.logging.media.embeddings import write_embedding

        at = self._at(step)
        directory = self._path("")
        where = f"{tag}_{at}" if at is not None else tag
        write_embedding(directory, where, data, text_label, image_label)

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
        current_prefix.set(self._prefixes_before.pop())

    def _push(self, kind: str, prefix: str) -> None:
        self._defaults.prefixes[kind].append(self._kind_prefix(kind) + prefix)

    def _pop(self, kind: str) -> None:
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

    def save_param_dict(self, param: dict[str, Any], filename: str) -> None:
        """Write settings as JSON into the run directory; what JSON has not is there as its text."""
        text = json.dumps(param, indent=4, ensure_ascii=False, default=str)
        write_atomic(self._path(filename), text.encode(errors="replace"))

    def close(self, *, succeeded: bool = True) -> None:
        """End the run with all of its files."""
        for filename in list(self._scalars):
            self.remove_scalar_output(filename)
        self._texts.close()
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

    def _path(self, filename: str) -> Path:
        directory = self._engine.directory
        if directory is None:
            raise RuntimeError(
                "no run is open: open one with logger_context(log_dir, run_ID, name) or "
                "logger.open(directory)"
            )
        return directory / filename

    def _scalar_file(self, filename: str) -> ScalarFile:
        if filename not in self._scalars:
            names = ", ".join(self._scalars) or "none"
            raise ValueError(
                f"the table {filename!r} is not open: open it with "
                f"logger.additional_scalar_output({filename!r}); open are {names}"
            )
        return self._scalars[filename]


logger = CompatLogger(run_logger)
"""The one that scripts of rlpyt and the original import."""
