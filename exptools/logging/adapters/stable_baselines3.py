"""Stable-Baselines3: an output format that writes to our logger.

from exptools.logging.adapters.stable_baselines3 import ExptoolsOutputFormat
from stable_baselines3.common.logger import HumanOutputFormat, Logger

model.set_logger(Logger(None, [HumanOutputFormat(sys.stdout), ExptoolsOutputFormat()]))
"""

from __future__ import annotations

import math
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Figure, HParam, Image, KVWriter, Video

from exptools.logging.adapters.going_on import calling, go_on
from exptools.logging.adapters.names import Names
from exptools.logging.adapters.summary_writer import close_figure, frames_of
from exptools.logging.run_logger import Logger
from exptools.logging.run_logger import logger as the_logger


class ExptoolsOutputFormat(KVWriter):  # type: ignore[misc]  # what mypy does not read is Any
    """Writes what Stable-Baselines3 dumps: a row each, its step the number of timesteps.

    Where a model goes on, as ``learn(reset_num_timesteps=False)`` says, so does the run: what it
    had logged before stays.

    A key is left out where ``record`` excludes ``"exptools"``, or both ``"csv"`` and
    ``"tensorboard"``, for a row goes to both of them.

    Args:
        logger: to which logger; one that has no run open finds Hydra's job.
    """

    def __init__(self, logger: Logger = the_logger) -> None:
        self._logger = logger
        self._names = Names()

    def write(
        self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0
    ) -> None:
        """Log the values by their kinds and end the row.

        Raises:
            TypeError, ValueError, LoggingError: as the verbs of :class:`Logger`.
        """
        go_on(self._logger, _last_step_of_earlier)
        scalars = {}
        for key, value in key_values.items():
            if value is None or _is_excluded(key_excluded.get(key)):
                continue
            name = self._names.usable(key)
            if not self._log_medium(name, value, step):
                scalars[name] = value
        self._logger.log_scalars(scalars, step)
        self._logger.dump()

    def close(self) -> None:
        """Nothing is pending; whoever opened the run closes it."""

    def _log_medium(self, key: str, value: Any, step: int) -> bool:
        """Log what is no scalar, and say whether it was that."""
        if isinstance(value, str):
            self._logger.log_text(key, value, step)
        elif isinstance(value, Image):
            self._logger.log_image(key, value.image, step, value.dataformats)
        elif isinstance(value, Video):
            self._logger.log_gif(key, frames_of(key, value.frames), step, value.fps, "TCHW")
        elif isinstance(value, HParam):
            self._logger.log_hparams(value.hparam_dict, list(value.metric_dict))
        elif isinstance(value, Figure):
            self._logger.log_figure(key, value.figure, step)
            if value.close:
                close_figure(value.figure)
        elif math.prod(getattr(value, "shape", ())) > 1:
            self._logger.log_histogram(key, value, step)
        else:
            return False
        return True


def _last_step_of_earlier() -> int | None:
    """The timesteps with which the model that learns has begun; None where it began anew."""
    model = calling(BaseAlgorithm)
    return None if model is None else model._num_timesteps_at_start or None


def _is_excluded(excluded: tuple[str, ...] | None) -> bool:
    return excluded is not None and (
        "exptools" in excluded or {"csv", "tensorboard"} <= {*excluded}
    )
