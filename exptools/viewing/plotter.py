"""The original's ways to a paper's numbers: runs by their config values, as paths or as curves."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from exptools.compat.colors import get_rgb_colors
from exptools.viewing.api.loading import load

if TYPE_CHECKING:
    from exptools.viewing.api.one_run import LoadedRun

__all__ = ["ExpDatabase", "PaperCurvePlotter", "color_defaults", "get_rgb_colors"]

color_defaults = [
    *("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd"),
    *("#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"),
]

Configs = Mapping[str, Sequence[Any] | None]  # the values of each key; None: all that it has


class ExpDatabase:
    """The runs below some directories.

    Args:
        exp_paths: the directories.
        config_filename: means nothing, for configs are read whatever their files are called.
        required_files: names of files that a run must have.
    """

    def __init__(
        self,
        exp_paths: Sequence[str],
        config_filename: str = "variant_config.json",
        required_files: Iterable[str] = (),
    ) -> None:
        self.exp_paths = exp_paths
        names = tuple(required_files)
        self._runs: list[LoadedRun] = [
            run
            for run in load(*exp_paths)
            if all((run.directory / name).is_file() for name in names)
        ]

    def get_datapaths(self, configs: Configs) -> list[tuple[dict[str, Any], list[str]]]:
        """Each combination of values that runs have, with the directories of these runs."""
        return [
            (values, [str(run.directory) for run in runs]) for values, runs in self._of(configs)
        ]

    def _of(self, configs: Configs) -> list[tuple[dict[str, Any], list[LoadedRun]]]:
        choices = [
            self._values(key) if values is None else values for key, values in configs.items()
        ]
        asked = [dict(zip(configs, row, strict=True)) for row in itertools.product(*choices)]
        found = [(row, [run for run in self._runs if _has(run, row)]) for row in asked]
        return [(row, runs) for row, runs in found if runs]

    def _values(self, key: str) -> list[Any]:
        return list(dict.fromkeys(run.config[key] for run in self._runs if key in run.config))


class PaperCurvePlotter(ExpDatabase):
    """Curves of the runs below some directories.

    Args:
        exp_paths: the directories.
        log_filename: means nothing, as ``param_filename``.
        param_filename: means nothing, for files are found whatever they are called.
    """

    def __init__(
        self,
        exp_paths: Sequence[str],
        log_filename: str = "progress.csv",
        param_filename: str = "variant_config.json",
    ) -> None:
        super().__init__(exp_paths)

    def get_curves(
        self, configs: Configs, x_key: str | None, y_key: str
    ) -> list[tuple[dict[str, Any], list[np.ndarray[Any, Any]]]]:
        """Each combination of values that runs have, with an array of x and y of each run.

        Rows that lack one of both are left out. Without an ``x_key`` rows are counted.
        """
        return [
            (values, [_curve(run, x_key, y_key) for run in runs])
            for values, runs in self._of(configs)
        ]

    def make_plots(
        self, args_in_figures: Configs, args_in_series: Configs, x_key: str, y_key: str, **_: Any
    ) -> NoReturn:
        """Not here: figures have another interface.

        Raises:
            NotImplementedError: always; the message has the line that draws these curves.
        """
        by = [*args_in_figures, *args_in_series]
        paths = ", ".join(repr(os.fspath(path)) for path in self.exp_paths)
        raise NotImplementedError(
            "make_plots of the original exptools is not here: import exptools.viewing as xv, and "
            f"xv.load({paths}).curves({y_key!r}, by={by!r}, x={x_key!r}).paper() is the figure"
        )


def _has(run: LoadedRun, values: Mapping[str, Any]) -> bool:
    return all(key in run.config and run.config[key] == value for key, value in values.items())


def _curve(run: LoadedRun, x_key: str | None, y_key: str) -> np.ndarray[Any, Any]:
    keys = [y_key] if x_key is None else [x_key, y_key]
    rows = run.rows(keys).select(keys).drop_nulls()
    y = rows[y_key].to_numpy()
    return np.stack([np.arange(len(y)) if x_key is None else rows[x_key].to_numpy(), y])
