"""The logger's verbs for what is no scalar: texts, histograms, images, files, hyperparameters."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeAlias

from exptools.logging.errors import LoggingError, obeys_on_error
from exptools.logging.rows.row import as_step
from exptools.logging.rows.tags import Tags
from exptools.logging.run.current import CurrentRun
from exptools.logging.run.paths import as_path
from exptools.logging.writers.lines import say, stamped

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

    from exptools.logging.media.store import EncodedMedium, MediaRecord
    from exptools.logging.run.open import OpenRun

    Summaries: TypeAlias = Sequence[Summary.Value]


class MediaVerbs:
    """The part of :class:`Logger` that logs media, to the run and by the tags that it has."""

    _current: CurrentRun
    _tags: Tags

    @obeys_on_error
    def info(self, line: object, *values: object) -> None:
        """Say a line: on standard output, in the run's ``debug.log``, and to TensorBoard.

        Args:
            line: a text, or what ``str()`` makes one of.
            values: for each ``%s``, ``%d`` and so on in the line, as Python's ``logging`` has it.
        """
        text = stamped(str(line) % values if values else str(line))
        with self._current.lock:
            self._current.find()
            if self._current.is_silent:
                return
        say(text)
        self._write_line(text, None, None)

    def _write_line(self, line: str, step: SupportsIndex | None, path: Path | None) -> None:
        """Add a line to a file, None means ``debug.log``, and show it in TensorBoard."""
        at = None if step is None else as_step(step)
        self._current.use(lambda run: run.add_line(line, at, path))

    @obeys_on_error
    def log_text(self, tag: str, text: str, step: SupportsIndex | None = None) -> None:
        """Log a text, which TensorBoard shows as Markdown.

        By ``from exptools.logging import logger`` a call without a tag says a line, as in rlpyt.

        Args:
            tag: what it is called; slashes make directories below ``media/``.
            step: the row that it belongs to; None means the current one. It does not end a row.
        """
        from exptools.logging.media.store import encode_text

        self._log_medium(tag, lambda name: encode_text(name, text), step)

    @obeys_on_error
    def log_histogram(
        self, tag: str, values: Any, step: SupportsIndex | None = None, bins: int = 64
    ) -> None:
        """Log how numbers are distributed; those that are not finite are counted apart.

        Args:
            tag, step: as in :meth:`log_text`.
            values: real numbers of any shape: an array, a tensor, or a sequence.
            bins: how many of equal width.
        """
        from exptools.logging.media.histograms import encode_histogram

        self._log_medium(tag, lambda name: encode_histogram(name, values, bins), step)

    @obeys_on_error
    def log_image(
        self, tag: str, image: Any, step: SupportsIndex | None = None, layout: str | None = None
    ) -> None:
        """Log an image, or a batch of images as a grid, as PNG.

        Args:
            tag, step: as in :meth:`log_text`.
            image: an array, tensor or Pillow image; bytes from 0 to 255, or floats from 0 to 1;
                grey, RGB or RGBA.
            layout: which axis is what, such as "HWC", "CHW" or "NCHW", where the shape leaves it
                open; see ``encode_image`` for how it is guessed.
        """
        from exptools.logging.media.images import encode_image

        self._log_medium(tag, lambda name: encode_image(name, image, layout), step)

    @obeys_on_error
    def log_gif(
        self,
        tag: str,
        frames: Any,
        step: SupportsIndex | None = None,
        fps: float = 10,
        layout: str | None = None,
    ) -> None:
        """Log a short animation: frames as :meth:`log_image` takes images, time first.

        By ``from exptools.logging import logger`` the fourth argument is a frame's ``duration``.
        """
        from exptools.logging.media.images import encode_gif

        self._log_medium(tag, lambda name: encode_gif(name, frames, fps, layout), step)

    @obeys_on_error
    def log_video(
        self,
        tag: str,
        frames: Any,
        step: SupportsIndex | None = None,
        fps: float = 30,
        layout: str | None = None,
    ) -> None:
        """Log a video as MP4 or, where no ffmpeg is found, as a GIF, which is said once.

        TensorBoard plays only GIFs; :meth:`log_gif` always makes one.

        Args:
            tag, step: as in :meth:`log_text`.
            frames: images as :meth:`log_image` takes them, time first.
            fps: frames a second.
            layout: which axis is what, such as "THWC" or "TCHW", where the shape leaves it open.
        """
        from exptools.logging.media.videos import encode_video

        self._log_medium(tag, lambda name: encode_video(name, frames, fps, layout), step)

    @obeys_on_error
    def log_audio(
        self, tag: str, samples: Any, step: SupportsIndex | None = None, sample_rate: int = 44100
    ) -> None:
        """Log a sound as WAV, which the run's page and TensorBoard play.

        Args:
            tag, step: as in :meth:`log_text`.
            samples: floats from -1 to 1, or integers of 16 bits; of shape (time,), (time, channels)
                or (channels, time).
            sample_rate: samples a second.
        """
        from exptools.logging.media.audio import encode_audio

        self._log_medium(tag, lambda name: encode_audio(name, samples, sample_rate), step)

    @obeys_on_error
    def log_table(
        self,
        tag: str,
        table: Any,
        step: SupportsIndex | None = None,
        columns: Sequence[object] | None = None,
    ) -> None:
        """Log a table as CSV; the run's page shows its first rows.

        Args:
            tag, step: as in :meth:`log_text`.
            table: a data frame (pandas, Polars or PyArrow), a list of dicts, a dict of columns, a
                list of rows, or an array.
            columns: which columns, in which order; of rows without names, their names.
        """
        from exptools.logging.media.tables import encode_table

        self._log_medium(tag, lambda name: encode_table(name, table, columns), step)

    @obeys_on_error
    def log_embedding(
        self,
        tag: str,
        points: Any,
        step: SupportsIndex | None = None,
        labels: Sequence[object] | None = None,
        images: Any = None,
    ) -> None:
        """Log points for TensorBoard's projector.

        Args:
            tag: what they are called; points that were logged for it before are replaced.
            points: [points, dimensions].
            step: a part of what they are called: those of several steps stand side by side.
            labels: a text a point.
            images: an image a point, [points, channels, height, width].
        """
        from exptools.logging.media.embeddings import write_embedding

        at = None if step is None else as_step(step)
        with self._current.borrow() as run:
            if run is None or run.is_muted:
                return
            with self._current.lock:
                if (name := self._tags.admit(tag)) is None:
                    return
            name = name if at is None else f"{name}_{at}"
            entry = write_embedding(run.directory, name, points, labels, images)
            with self._current.lock:
                run.add_embedding(entry)

    @obeys_on_error
    def log_figure(self, tag: str, figure: Any, step: SupportsIndex | None = None) -> None:
        """Log a figure: matplotlib's as PNG, Plotly's as JSON, which TensorBoard cannot show."""
        from exptools.logging.media.images import encode_figure

        self._log_medium(tag, lambda name: encode_figure(name, figure), step)

    @obeys_on_error
    def log_hparams(self, hparams: Any, metrics: Sequence[str] = ()) -> None:
        """Log hyperparameters for TensorBoard's HParams table; they are the run's config, too.

        Args:
            hparams: by name, as :meth:`Logger.config` takes them; in the table nested ones are
                joined with dots.
            metrics: tags of the scalars that the table shows; with none it shows all.
        """
        from exptools.logging.media.hparams import encode_hparams
        from exptools.logging.run.settings import as_settings

        settings = as_settings(hparams)
        named = hparams if isinstance(hparams, Mapping) else settings
        self._log_medium("hparams", lambda name: encode_hparams(named, metrics), None)
        self._current.use(lambda run: run.add_values(config=settings))

    @obeys_on_error
    def log_file(
        self,
        tag: str,
        path: str | os.PathLike[str],
        step: SupportsIndex | None = None,
        *,
        link: bool = False,
    ) -> None:
        """Keep a file with the run, under its hash: each content is stored once.

        Args:
            tag, step: as in :meth:`log_text`.
            path: the file.
            link: make a link to it and no copy; later writing to the file changes both.

        Raises:
            FileNotFoundError: there is no such file.
        """
        from exptools.logging.media.artifacts import store_file

        source = as_path(f"the file {tag!r}", path)

        def store(run: OpenRun, name: str, at: int) -> tuple[MediaRecord, Summaries]:
            return store_file(run.directory, name, source, at, time.time(), link=link), ()

        self._keep(tag, store, step)

    def _log_medium(
        self, tag: str, encode: Callable[[str], EncodedMedium], step: SupportsIndex | None
    ) -> None:
        def write(run: OpenRun, name: str, at: int) -> tuple[MediaRecord, Summaries]:
            medium = encode(name)
            return run.media.write(name, at, medium, time.time()), medium.summaries

        self._keep(tag, write, step)

    def _keep(
        self,
        tag: str,
        write: Callable[[OpenRun, str, int], tuple[MediaRecord, Summaries]],
        step: SupportsIndex | None,
    ) -> None:
        """Log what a function writes for a tag and a step; it takes its time outside of the lock.

        So a large film keeps no other thread from logging.
        """
        at = None if step is None else as_step(step)
        with self._current.borrow() as run:
            if run is None or run.is_muted:
                return
            with self._current.lock:
                if (name := self._tags.admit(tag)) is None:
                    return
                at = run.step if at is None else at
            record, summaries = write(run, name, at)
            try:
                with self._current.lock:
                    run.add_medium(record, summaries)
            except LoggingError:
                if record.kind != "file":  # which may be there for another record, too
                    run.media.remove(record)
                raise
