"""The logger's verbs for what is no scalar: texts, histograms, images, files, hyperparameters."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

from exptools.logging.errors import LoggingError
from exptools.logging.rows.row import as_step
from exptools.logging.rows.tags import Tags
from exptools.logging.run.current import CurrentRun

if TYPE_CHECKING:
    from exptools.logging.media.store import EncodedMedium
    from exptools.logging.run.open import OpenRun


class MediaVerbs:
    """The part of :class:`Logger` that logs media, to the run and by the tags that it has."""

    _current: CurrentRun
    _tags: Tags

    def log_text(self, tag: str, text: str, step: SupportsIndex | None = None) -> None:
        """Log a text, which TensorBoard shows as Markdown.

        Args:
            tag: what it is called; slashes make directories below ``media/``.
            step: the row that it belongs to; None means the current one. It does not end a row.
        """
        from exptools.logging.media.store import encode_text

        self._log_medium(tag, lambda name: encode_text(name, text), step)

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

    def log_gif(
        self,
        tag: str,
        frames: Any,
        step: SupportsIndex | None = None,
        fps: float = 10,
        layout: str | None = None,
    ) -> None:
        """Log a short animation: frames as :meth:`log_image` takes images, time first."""
        from exptools.logging.media.images import encode_gif

        self._log_medium(tag, lambda name: encode_gif(name, frames, fps, layout), step)

    def log_figure(self, tag: str, figure: Any, step: SupportsIndex | None = None) -> None:
        """Log a figure: matplotlib's as PNG, Plotly's as JSON, which TensorBoard cannot show."""
        from exptools.logging.media.images import encode_figure

        self._log_medium(tag, lambda name: encode_figure(name, figure), step)

    def log_hparams(self, hparams: Mapping[str, Any], metrics: Sequence[str] = ()) -> None:
        """Log hyperparameters for TensorBoard's HParams table, beside the run's scalars.

        Args:
            hparams: by name; nested ones are joined with dots.
            metrics: tags of the scalars that the table shows; with none it shows all.
        """
        from exptools.logging.media.hparams import encode_hparams

        self._log_medium("hparams", lambda name: encode_hparams(hparams, metrics), None)

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

        at = None if step is None else as_step(step)
        with self._current.lock:
            run = self._current.find()
            if run is None or (name := self._tags.admit(tag)) is None:
                return
            at = run.step if at is None else at
        try:  # outside of the lock: a large file takes its time
            store_file(run.directory, name, path, at, time.time(), link=link)
        except LoggingError as error:
            self._current.complain(error)

    def _log_medium(
        self, tag: str, encode: Callable[[str], EncodedMedium], step: SupportsIndex | None
    ) -> None:
        at = None if step is None else as_step(step)

        def add(run: OpenRun) -> None:
            if (name := self._tags.admit(tag)) is not None:
                run.add_medium(name, encode(name), at)

        self._current.use(add)
