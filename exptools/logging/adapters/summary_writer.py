"""PyTorch's TensorBoard writer, for scripts that hold one; PyTorch is not needed.

from exptools.logging.adapters.summary_writer import SummaryWriter
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from exptools.logging.adapters.file_writer import FileWriter
from exptools.logging.adapters.target import Target, as_int
from exptools.logging.adapters.writer_runs import BorrowedConnection, Connection
from exptools.logging.errors import as_logging_error, warn_user
from exptools.logging.run_logger import logger
from exptools.plain_files import refuse_links_of_others

_Writer = TypeVar("_Writer", bound="SummaryWriter")

_UNSUPPORTED = (
    "add_custom_scalars",
    "add_custom_scalars_marginchart",
    "add_custom_scalars_multilinechart",
    "add_graph",
    "add_histogram_raw",
    "add_image_with_boxes",
    "add_mesh",
    "add_onnx_graph",
    "add_pr_curve",
    "add_pr_curve_raw",
    "add_tensor",
    "export_scalars_to_json",  # of tensorboardX; progress.csv has them
)


class SummaryWriter:
    """Shaped like ``torch.utils.tensorboard.SummaryWriter``, writing to a run of ours.

    Calls with the same ``global_step`` share a row, which a later step ends, or :meth:`flush` or
    :meth:`close`. Of values for one tag and step the last one counts. Calls without a step are
    counted: a tag that comes again begins the next row.

    Writers of one directory share its run. A pickled writer, a copy, and one that was closed lead
    to the same run when they are used.

    Rows have the time at which they end: ``walltime`` is not kept. Calls of theirs that have no
    counterpart here (``add_graph``, ``add_mesh``, …) do nothing but warn.

    Args:
        log_dir: a run directory, of this writer's own if it is not that of the logger. None is the
            run that is open or that of the Hydra job, and outside of both
            ``runs/<time>_<host><comment>``.
        comment: see above.
        purge_step: go on with the run in ``log_dir``: what it has from this step on is replaced.
            None starts afresh, once a program; the rows of before move to
            ``progress.<attempt>.csv``.
        max_queue: means nothing, for there is no queue.
        flush_secs: means nothing, as ``max_queue``.
        filename_suffix: means nothing, for files have our names.
        logdir: tensorboardX's name for ``log_dir``.

    Raises:
        ValueError: the directory is an address.
        LoggingError: the directory cannot be written, or another program logs there.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
        logdir: str | os.PathLike[str] | None = None,
    ) -> None:
        run, path = logger.directory, os.fspath(log_dir or logdir or "")
        at = None if purge_step is None else int(purge_step)
        if run is not None and (not path or os.path.realpath(path) == os.path.realpath(run)):
            self._exptools = Target(BorrowedConnection(logger, purge_step=at), path or str(run))
        else:
            path = path or _default_directory(comment)
            self._exptools = Target(Connection(path, purge_step=at), path)
        self.log_dir = path or str(run)
        self.purge_step: int | None = None  # as theirs, when that is done
        self.max_queue, self.flush_secs = max_queue, flush_secs
        self.filename_suffix = filename_suffix

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: Any = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """See :meth:`Logger.log_scalar`."""
        self._exptools.add({tag: scalar_value}, global_step)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, Any],
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Log each as ``main_tag/tag``, in this run rather than in one for each of them."""
        named = {f"{main_tag}/{tag}": value for tag, value in tag_scalar_dict.items()}
        self._exptools.add(named, global_step)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: Any = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """See :meth:`Logger.log_histogram`; ``bins`` other than a number means its default."""
        chosen = {"bins": bins} if isinstance(bins, int) else {}
        logger, name = self._exptools.named(tag)
        logger.log_histogram(name, values, as_int(global_step), **chosen)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """See :meth:`Logger.log_image`; ``dataformats`` is its layout."""
        logger, name = self._exptools.named(tag)
        logger.log_image(name, img_tensor, as_int(global_step), dataformats)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """See :meth:`Logger.log_image`, which makes a grid of a batch."""
        logger, name = self._exptools.named(tag)
        logger.log_image(name, img_tensor, as_int(global_step), dataformats)

    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: Any = None,
        close: bool = True,
        walltime: float | None = None,
    ) -> None:
        """See :meth:`Logger.log_figure`; of a list each is logged."""
        for each in figure if isinstance(figure, Iterable) else (figure,):
            logger, name = self._exptools.named(tag)
            logger.log_figure(name, each, as_int(global_step))
            if close:
                close_figure(each)

    def add_video(
        self,
        tag: str,
        vid_tensor: Any,
        global_step: Any = None,
        fps: float = 4,
        walltime: float | None = None,
    ) -> None:
        """Log videos of shape (N, T, C, H, W), side by side; see :meth:`Logger.log_gif`."""
        logger, name = self._exptools.named(tag)
        logger.log_gif(name, frames_of(tag, vid_tensor), as_int(global_step), fps, "TCHW")

    def add_audio(
        self,
        tag: str,
        snd_tensor: Any,
        global_step: Any = None,
        sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:
        """See :meth:`Logger.log_audio`."""
        logger, name = self._exptools.named(tag)
        logger.log_audio(name, snd_tensor, as_int(global_step), sample_rate)

    def add_embedding(
        self,
        mat: Any,
        metadata: Sequence[Any] | None = None,
        label_img: Any = None,
        global_step: Any = None,
        tag: str = "default",
        metadata_header: Sequence[str] | None = None,
    ) -> None:
        """See :meth:`Logger.log_embedding`; of several labels a point has, one text is made."""
        labels = metadata
        if metadata is not None and metadata_header:
            labels = [
                ", ".join(
                    f"{name}={value}" for name, value in zip(metadata_header, row, strict=False)
                )
                for row in metadata
            ]
        logger, name = self._exptools.named(tag)
        logger.log_embedding(name, mat, as_int(global_step), labels, label_img)

    def add_text(
        self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """See :meth:`Logger.log_text`."""
        logger, name = self._exptools.named(tag)
        logger.log_text(name, text_string, as_int(global_step))

    def add_hparams(
        self,
        hparam_dict: Mapping[str, Any],
        metric_dict: Mapping[str, Any],
        hparam_domain_discrete: Mapping[str, Any] | None = None,
        run_name: str | None = None,
        global_step: Any = None,
    ) -> None:
        """Log both into this run; see :meth:`Logger.log_hparams`.

        With a ``run_name``, or where other hyperparameters come than before, they go to a run of
        their own below this one, as theirs always do.
        """
        self._exptools.add_hparams(hparam_dict, metric_dict, run_name, global_step)

    def get_logdir(self) -> str:
        """The run directory."""
        return self.log_dir

    @property
    def file_writer(self) -> FileWriter | None:
        """What takes TensorBoard's own messages; None when it is closed, as theirs."""
        return FileWriter(self._exptools) if self._exptools.is_open else None

    @property
    def all_writers(self) -> dict[str, FileWriter] | None:
        """The same by its directory, for ours writes to no others."""
        writer = self.file_writer
        return None if writer is None else {writer.get_logdir(): writer}

    def flush(self) -> None:
        """End the row and write it; all before it is written already."""
        self._exptools.flush()

    def close(self) -> None:
        """End the row, and the run too if it is this writer's own and no other writes there.

        What is logged later opens it again.
        """
        self._exptools.close()

    def __enter__(self: _Writer) -> _Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._exptools.close(succeeded=kind is None)

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name not in _UNSUPPORTED:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        def warn(*args: Any, **kwargs: Any) -> None:
            warn_user(f"{name} is left out: exptools keeps nothing of that kind")

        return warn

    def _get_file_writer(self) -> FileWriter:
        """What takes TensorBoard's own messages, opened again if it was closed."""
        _ = self._exptools.logger
        return FileWriter(self._exptools)


def _default_directory(comment: str) -> str:
    name = time.strftime("%b%d_%H-%M-%S_") + socket.gethostname() + comment
    with as_logging_error(Path("runs")):
        refuse_links_of_others(Path("runs").absolute())
    return os.path.join("runs", name)


def frames_of(tag: str, videos: Any) -> Any:
    """A batch of videos of shape (N, T, C, H, W) as one video (T, C, H, N·W), side by side.

    Raises:
        TypeError: it holds no real numbers.
        ValueError: it has another shape.
    """
    import numpy as np

    from exptools.logging.rows.arrays import as_array

    array = as_array(f"the video {tag!r}", videos)
    if array.ndim != 5:
        raise ValueError(
            f"the video {tag!r} should have the shape (N, T, C, H, W), not {array.shape}"
        )
    return np.concatenate(list(array), axis=-1)


def close_figure(figure: Any) -> None:
    """Let pyplot forget a figure; those that it did not make need no closing."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)
