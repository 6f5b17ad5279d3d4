"""The logger's verbs for what is no scalar: media, files, hyperparameters, snapshots."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex

from exptools.logging.errors import LoggingError
from exptools.logging.rows.rows import as_step
from exptools.logging.run.current import CurrentRun
from exptools.logging.run.ranks import inherited_directory
from exptools.logging.snapshots.policy import Mode, Snapshots
from exptools.rundir import SNAPSHOTS_DIR

if TYPE_CHECKING:
    from exptools.logging.media.medium import Medium


class Snapshot(NamedTuple):
    """What :meth:`MediaVerbs.load_snapshot` gives."""

    state: Any
    itr: int | None  # None where a file of the original's save_itr_params does not say it


class MediaVerbs(CurrentRun):
    """What a logger does besides scalars; :class:`Logger` has the rest."""

    def log_text(self, tag: str, text: str, step: SupportsIndex | None = None) -> None:
        """Log a text, which TensorBoard shows as Markdown.

        Args:
            tag: what it is called; slashes make directories below ``media/``.
            text: the text.
            step: the row that it belongs to; None means the current one. It does not end a row.

        Raises:
            TypeError: it is no text, or the tag or the step is none.
            ValueError: the tag or the step is refused; see :meth:`Logger.log_scalar`.
            LoggingError: it cannot be written.
        """
        from exptools.logging.media.medium import encode_text

        self._log_medium(tag, lambda name: encode_text(name, text), step)

    def log_histogram(
        self, tag: str, values: Any, step: SupportsIndex | None = None, bins: int = 64
    ) -> None:
        """Log how numbers are distributed; those that are not finite are counted apart.

        Args:
            tag: what they are called.
            values: real numbers of any shape: an array, a tensor, or a sequence.
            step: as in :meth:`log_text`.
            bins: how many of equal width.

        Raises:
            TypeError, ValueError: the values are no numbers; else as :meth:`log_text`.
            LoggingError: it cannot be written.
        """
        from exptools.logging.media.histograms import encode_histogram

        self._log_medium(tag, lambda name: encode_histogram(name, values, bins), step)

    def log_image(
        self, tag: str, image: Any, step: SupportsIndex | None = None, layout: str | None = None
    ) -> None:
        """Log an image, or a batch of images as a grid, as PNG.

        Args:
            tag: what it is called.
            image: an array, tensor or Pillow image; bytes from 0 to 255, or floats from 0 to 1;
                grey, RGB or RGBA.
            step: as in :meth:`log_text`.
            layout: which axis is what, such as "HWC", "CHW" or "NCHW", where the shape leaves it
                open; see ``encode_image`` for how it is guessed.

        Raises:
            TypeError, ValueError: it is no image; else as :meth:`log_text`.
            LoggingError: it cannot be written.
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
        """Log a short animation: frames as :meth:`log_image` takes images, time first.

        Raises:
            TypeError, ValueError: they are no images; else as :meth:`log_text`.
            LoggingError: it cannot be written.
        """
        from exptools.logging.media.images import encode_gif

        self._log_medium(tag, lambda name: encode_gif(name, frames, fps, layout), step)

    def log_figure(self, tag: str, figure: Any, step: SupportsIndex | None = None) -> None:
        """Log a figure: matplotlib's as PNG, Plotly's as JSON, which TensorBoard cannot show.

        Raises:
            TypeError: it is neither; else as :meth:`log_text`.
            LoggingError: it cannot be written.
        """
        from exptools.logging.media.figures import encode_figure

        self._log_medium(tag, lambda name: encode_figure(name, figure), step)

    def log_hparams(self, hparams: Mapping[str, Any], metrics: Sequence[str] = ()) -> None:
        """Log hyperparameters for TensorBoard's HParams table, beside the run's scalars.

        Args:
            hparams: by name; nested ones are joined with dots.
            metrics: tags of the scalars that the table shows; with none it shows all.

        Raises:
            TypeError, ValueError: it is no mapping, or two names are the same.
            LoggingError: it cannot be written.
        """
        from exptools.logging.media.hparams import encode_hparams

        self._log_medium("hparams", lambda name: encode_hparams(hparams, metrics), None)
        if self._run is not None:
            self._run.has_hparams = True  # and TensorBoard wants to know how the run ended

    def log_file(
        self,
        tag: str,
        path: str | os.PathLike[str],
        step: SupportsIndex | None = None,
        link: bool = False,
    ) -> None:
        """Keep a file with the run, under its hash: each content is stored once.

        Args:
            tag: what it is called.
            path: the file.
            step: as in :meth:`log_text`.
            link: make a link to it and no copy; later writing to the file changes both.

        Raises:
            FileNotFoundError, ValueError: there is no such file, or it is no regular one.
            LoggingError: it cannot be stored.
        """
        from exptools.logging.media.artifacts import store_file

        at = None if step is None else as_step(step)
        with self._lock:
            run = self._open_run()
            if run is None or not self._throttles.keeps(name := self._named(run, tag)):
                return
            at = run.step if at is None else at
        try:  # outside of the lock: a large file takes its time
            store_file(run.directory, name, path, at, time.time(), link)
        except LoggingError as error:
            self._complain(error)

    def set_snapshot_mode(self, mode: Mode, gap: int = 1, keep: int | None = None) -> None:
        """Choose for this run which snapshots are kept; see :class:`LogOptions`.

        Raises:
            ValueError: there is no such mode, or ``gap`` or ``keep`` is less than 1.
        """
        with self._lock:
            run = self._open_run()
            if run is not None:
                run.snapshots = Snapshots(run.directory / SNAPSHOTS_DIR, mode, gap, keep)

    def save_snapshot(self, state: Any | Callable[[], Any], itr: SupportsIndex) -> Path | None:
        """Save what is needed to go on from here, as the run's snapshot mode says.

        Dump the row before: rows up to this moment are those that count when the run goes on.

        Args:
            state: anything that can be pickled, tensors among it; or a function without arguments
                that gives it, and is called only if the mode keeps this one.
            itr: the iteration.

        Returns:
            The file, on the disk for good; None if the mode keeps none, or no run is open.

        Raises:
            SnapshotError: the state cannot be pickled, or the function takes arguments.
            LoggingError: it cannot be written; the snapshots before are as they were.
        """
        with self._lock:
            run = self._open_run()
            try:
                return None if run is None else run.save_snapshot(state, itr)
            except LoggingError as error:
                self._complain(error)
                return None

    def save_raw_snapshot(self, params: object, itr: SupportsIndex) -> Path | None:
        """Save an object as a file that holds nothing else, as rlpyt's ``save_itr_params`` does.

        Returns, raises: as :meth:`save_snapshot`.
        """
        with self._lock:
            run = self._open_run()
            try:
                return None if run is None else run.snapshots.save_raw(params, itr)
            except LoggingError as error:
                self._complain(error)
                return None

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
            SnapshotError: there is none of that iteration, it cannot be loaded, or all are damaged.
        """
        with self._lock:
            run = self._open_run()
            if run is not None:
                loaded = run.load_snapshot(itr, map_location)
            else:  # perhaps a rank that does not log, but goes on, too
                directory = self.directory or inherited_directory()
                if directory is None:
                    return None
                loaded = Snapshots(directory / SNAPSHOTS_DIR).load(itr, map_location)
        return None if loaded is None else Snapshot(loaded.state, loaded.itr)

    def _log_medium(
        self, tag: str, encode: Callable[[str], Medium], step: SupportsIndex | None
    ) -> None:
        at = None if step is None else as_step(step)
        with self._lock:
            run = self._open_run()
            if run is not None and self._throttles.keeps(name := self._named(run, tag)):
                try:
                    run.add_medium(name, encode(name), at)
                except LoggingError as error:
                    self._complain(error)
