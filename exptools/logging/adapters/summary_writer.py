"""PyTorch's TensorBoard writer, for scripts that hold one; PyTorch is not needed.

from exptools.logging.adapters.summary_writer import SummaryWriter
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from exptools.logging.errors import warn_user
from exptools.logging.run_logger import Logger, logger

_UNSUPPORTED = (
    "add_audio",
    "add_custom_scalars",
    "add_custom_scalars_marginchart",
    "add_custom_scalars_multilinechart",
    "add_embedding",
    "add_graph",
    "add_histogram_raw",
    "add_image_with_boxes",
    "add_mesh",
    "add_onnx_graph",
    "add_pr_curve",
    "add_pr_curve_raw",
    "add_tensor",
)


class SummaryWriter:
    """Shaped like ``torch.utils.tensorboard.SummaryWriter``, writing to a run of ours.

    Calls with the same ``global_step`` share a row, which a later step ends, or :meth:`flush` or
    :meth:`close`. Of values for one tag and step the last one counts. Calls without a step are
    counted: a tag that comes again begins the next row.

    Rows have the time at which they end: ``walltime`` is not kept. Calls of theirs that have no
    counterpart here (``add_graph``, ``add_audio``, …) do nothing but warn.

    Args:
        log_dir: a run directory, of this writer's own if it is not that of the logger. None is the
            run that is open or that of the Hydra job, and outside of both
            ``runs/<time>_<host><comment>``.
        comment: see above.
        purge_step: go on with the run in ``log_dir``: what it has from this step on is replaced.
            None starts afresh; the rows of before move to ``progress.<attempt>.csv``.
        max_queue: means nothing, for there is no queue.
        flush_secs: means nothing, as ``max_queue``.
        filename_suffix: means nothing, for files have our names.

    Raises:
        LoggingError: the directory cannot be written, or another process logs there.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        self._counted: set[str] = set()  # tags in the current row that came without a step
        run = logger.directory
        self._is_own = run is None or (log_dir is not None and Path(log_dir).absolute() != run)
        self._logger = Logger() if self._is_own else logger
        if self._is_own:
            self._logger.open(log_dir or _default_directory(comment), console=None)
        if purge_step is not None:
            self._logger.resume(purge_step - 1)
        self.log_dir = str(self._logger.directory)

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
        self._add({tag: scalar_value}, global_step)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, Any],
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Log each as ``main_tag/tag``, in this run rather than in one for each of them."""
        named = {f"{main_tag}/{tag}": value for tag, value in tag_scalar_dict.items()}
        self._add(named, global_step)

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
        self._logger.log_histogram(tag, values, _step(global_step), **chosen)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """See :meth:`Logger.log_image`; ``dataformats`` is its layout."""
        self._logger.log_image(tag, img_tensor, _step(global_step), dataformats)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """See :meth:`Logger.log_image`, which makes a grid of a batch."""
        self._logger.log_image(tag, img_tensor, _step(global_step), dataformats)

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
            self._logger.log_figure(tag, each, _step(global_step))
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
        self._logger.log_gif(tag, frames_of(tag, vid_tensor), _step(global_step), fps, "TCHW")

    def add_text(
        self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """See :meth:`Logger.log_text`."""
        self._logger.log_text(tag, text_string, _step(global_step))

    def add_hparams(
        self,
        hparam_dict: Mapping[str, Any],
        metric_dict: Mapping[str, Any],
        hparam_domain_discrete: Mapping[str, Any] | None = None,
        run_name: str | None = None,
        global_step: Any = None,
    ) -> None:
        """Log both into this run; see :meth:`Logger.log_hparams`."""
        self._logger.log_hparams(hparam_dict, list(metric_dict))
        self._add(metric_dict, global_step)

    def get_logdir(self) -> str:
        """The run directory."""
        return self.log_dir

    def flush(self) -> None:
        """End the row and write it; all before it is written already."""
        self._counted.clear()
        self._logger.dump()

    def close(self) -> None:
        """End the row, and the run too if it is this writer's own."""
        self.flush()
        if self._is_own:
            self._logger.close()

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name not in _UNSUPPORTED:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        def warn(*args: Any, **kwargs: Any) -> None:
            warn_user(f"{name} is left out: exptools keeps nothing of that kind")

        return warn

    def _add(self, scalars: Mapping[str, Any], global_step: Any) -> None:
        if global_step is None:
            if not self._counted.isdisjoint(scalars):
                self.flush()
            self._counted.update(scalars)
        self._logger.log_scalars(scalars, _step(global_step))


def _step(global_step: Any) -> int | None:
    return None if global_step is None else int(global_step)  # theirs may be a float


def _default_directory(comment: str) -> Path:
    return Path("runs", time.strftime("%b%d_%H-%M-%S_") + socket.gethostname() + comment)


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
