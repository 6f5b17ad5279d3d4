"""The Python interface: an immutable collection of runs, to filter, tabulate, compare and draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal, overload

import polars as pl

from exptools.viewing.configs import MISSING
from exptools.viewing.curveset import CurveSet
from exptools.viewing.index import Index
from exptools.viewing.runs import Fault, Run


@dataclass(frozen=True)
class Seed:
    """The key that holds the runs' random seed, and why we think so."""

    key: str
    reason: str  # a sentence


@dataclass(frozen=True)
class Difference:
    """A key whose values differ between two runs or two sweeps; MISSING where one lacks it."""

    key: str
    left: Any
    right: Any


@dataclass(frozen=True)
class SweepComparison:
    """Two sweeps side by side."""

    differences: tuple[Difference, ...]  # keys that differ between the sweeps, not inside them
    matched_by: tuple[str, ...]  # keys that vary inside the sweeps
    matched: tuple[tuple[Run, Run], ...]
    only_left: tuple[Run, ...]  # runs without a partner
    only_right: tuple[Run, ...]


@dataclass(frozen=True)
class Best:
    """Keep, of each group, only the runs with its best setting of other keys ("filter best")."""

    over: str | tuple[str, ...]  # the keys among whose settings the best is taken
    mode: Literal["max", "min"] = "max"
    summary: str = "last"  # what a run is worth; a setting's worth is the mean over its runs


def load(*roots: str | PathLike[str]) -> Runs:
    """Find the runs in some directories."""
    raise NotImplementedError


@dataclass(frozen=True)
class Runs(Sequence[Run]):
    """Runs in the natural order of their names; filtering gives another collection."""

    _index: Index
    _runs: tuple[Run, ...]

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    @overload
    def __getitem__(self, which: int | str) -> Run: ...
    @overload
    def __getitem__(self, which: slice) -> Runs: ...
    def __getitem__(self, which: int | str | slice) -> Run | Runs:
        raise NotImplementedError

    @property
    def varying(self) -> tuple[str, ...]:
        """The keys whose values differ between the runs, in the order of the configs."""
        raise NotImplementedError

    @property
    def together(self) -> dict[str, tuple[str, ...]]:
        """For keys that vary only together: the one that speaks for them, and the others."""
        raise NotImplementedError

    @property
    def seed(self) -> Seed | None:
        """The key that holds the seed and the reason to think so."""
        raise NotImplementedError

    @property
    def seed_key(self) -> str | None:
        """The key that holds the seed."""
        raise NotImplementedError

    @property
    def facets(self) -> tuple[str, ...]:
        """Keys worth grouping by."""
        raise NotImplementedError

    @property
    def metrics(self) -> tuple[str, ...]:
        """What the runs have logged, in natural order."""
        raise NotImplementedError

    @property
    def sweeps(self) -> tuple[str, ...]:
        """The sweeps (multirun directories) that the runs belong to."""
        raise NotImplementedError

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What could not be read."""
        raise NotImplementedError

    def where(self, condition: str) -> Runs:
        """The runs for which an SQL condition on their configs is true."""
        raise NotImplementedError

    def table(
        self, metrics: str | Sequence[str] | None = None, summary: str = "last"
    ) -> pl.DataFrame:
        """A row a run: name, sweep, state, the keys that vary, and a summary of each metric."""
        raise NotImplementedError

    def rows(
        self, metrics: str | Sequence[str] | None = None, *, long: bool = True
    ) -> pl.DataFrame:
        """Every logged row, exactly: name, step, wall_time, then metric and value, or a column each."""
        raise NotImplementedError

    def diff(self, left: Run | str | int, right: Run | str | int) -> pl.DataFrame:
        """The keys in which two runs differ: key, left, right as texts."""
        raise NotImplementedError

    def compare(self, left: str, right: str) -> SweepComparison:
        """Two sweeps: what their configs differ in, which runs match, which have no partner."""
        raise NotImplementedError

    def curves(  # noqa: PLR0913 (each says one thing about the figure)
        self,
        metric: str,
        by: str | Sequence[str] | None = None,
        x: str = "step",
        *,
        center: str = "mean",
        band: str = "std",
        smooth: str | None = None,
        smooth_when: Literal["before", "after"] = "before",
        bin_width: float | None = None,
        strata: str | None = None,
        where: str | None = None,
        best: Best | None = None,
    ) -> CurveSet:
        """The curves of a metric, one a group of runs that share their values of ``by``."""
        raise NotImplementedError


_ = MISSING
