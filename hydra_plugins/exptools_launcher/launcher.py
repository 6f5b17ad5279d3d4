"""Hydra's door to exptools.launching; everything heavy is imported when it launches."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hydra.plugins.launcher import Launcher

from . import config as _config  # registers the options with Hydra

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from exptools.launching.launch_signals import LaunchSignals

    from ._core import Sweep
    from ._options import LauncherOptions
    from ._place import Place

__all__ = ["ExptoolsLauncher", "ExptoolsSlurmLauncher"]


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

                make_place = self._make_place()
            options = self._validate()
            self._sweep = Sweep(
                hydra_context, task_function, config, options, self._signals, make_place
            )
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

    def _make_place(self) -> Callable[[LauncherOptions], Place]:
        """What makes the place where the jobs run."""
        from ._local import LocalPlace

        return LocalPlace

    def _validate(self) -> LauncherOptions:
        from ._options import validate_options

        return validate_options(self._options)


class ExptoolsSlurmLauncher(ExptoolsLauncher):
    """Runs the jobs of a sweep on the machines of a Slurm cluster, several in one allocation.

    Its options are those of `_slurm._conf.SlurmConf`.
    """

    def _make_place(self) -> Callable[[LauncherOptions], Place]:
        from ._slurm._place import ClusterPlace

        return ClusterPlace

    def _validate(self) -> LauncherOptions:
        from ._slurm._options import validate_slurm_options

        return validate_slurm_options(self._options)


@contextlib.contextmanager
def _random_state_kept() -> Iterator[None]:
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


_ = _config
