"""Hydra's door to exptools.launching; everything heavy is imported when it launches."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hydra.plugins.launcher import Launcher

from . import config as _config  # registers the options with Hydra

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from exptools.launching.launch_signals import LaunchSignals

    from ._core import Sweep

__all__ = ["ExptoolsLauncher"]


class ExptoolsLauncher(Launcher):
    """Runs each job of a sweep in a process of its own, on CPU cores and GPUs of its own.

    Its options are those of `config.LauncherConf`.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._sweep: Sweep | None = None
        self._signals: LaunchSignals | None = None

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """See Hydra's `Launcher`; refuses what cannot work before anything is written."""
        from exptools.launching.launch_signals import LaunchSignals

        self._signals = LaunchSignals()
        self._signals.watch()  # until the first batch has run: sweepers compose before it
        try:
            with _random_state_kept():  # rich draws a number when it is imported
                from ._core import Sweep
                from ._options import validate_options

            options = validate_options(self._options)
            self._sweep = Sweep(hydra_context, task_function, config, options, self._signals)
        except BaseException:
            self._signals.check()
            self._signals.release()
            raise

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the jobs and return one JobReturn a job, in their order."""
        if self._sweep is None or self._signals is None:
            raise RuntimeError("launch() was called before setup()")
        with self._signals:
            return self._sweep.launch(job_overrides, initial_job_idx)


@contextlib.contextmanager
def _random_state_kept() -> Iterator[None]:
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


_ = _config
