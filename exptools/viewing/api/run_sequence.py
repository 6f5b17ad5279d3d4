"""Which runs there are in a collection, and how others are made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from exptools.viewing.api.one_run import LoadedRun
from exptools.viewing.api.picking import position, positions
from exptools.viewing.index import Index
from exptools.viewing.run import Run

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True, eq=False, repr=False)
class RunSequence(Sequence[LoadedRun]):
    """Runs of an index, to pick from by position, name, mask, condition or function."""

    origin: Index  # where the runs were found, and their metrics are read
    _runs: tuple[Run, ...]
    # The conditions that chose them among all runs of the index; None: they were picked.
    _conditions: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[LoadedRun]:
        return iter(self._loaded)

    def __contains__(self, run: object) -> bool:
        """Whether a run is here, or one of this name."""
        if isinstance(run, Run):
            at = self._places.get(run.name)
            return at is not None and self._runs[at].directory == run.directory
        return run in self._places if isinstance(run, str) else False

    def __add__(self, other: Self) -> Self:
        """The runs of both, each once; of other directories the names may become longer."""
        if not isinstance(other, RunSequence):
            return NotImplemented
        directories = dict.fromkeys(run.directory for run in (*self._runs, *other._runs))
        if self.origin is other.origin:
            found = {run.directory: run for run in (*other._runs, *self._runs)}
            return type(self)(self.origin, tuple(map(found.__getitem__, directories)))
        both = self.origin.joined(other.origin)
        found = {run.directory: run for run in both.snapshot.runs}
        return type(self)(both, tuple(found[path] for path in directories if path in found))

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._places)

    def __getstate__(self) -> dict[str, Any]:
        bare = tuple(run.bare() if isinstance(run, LoadedRun) else run for run in self._runs)
        return {"origin": self.origin, "_runs": bare, "_conditions": self._conditions}

    @overload
    def __getitem__(self, which: int | np.integer[Any] | str) -> LoadedRun: ...
    @overload
    def __getitem__(self, which: slice | Iterable[Any]) -> Self: ...
    def __getitem__(self, which: Any) -> LoadedRun | Self:
        """A run by its position or name; a collection by a slice, a list of these, or a mask."""
        if isinstance(which, slice):
            return type(self)(self.origin, self._loaded[which])
        # A number of NumPy's says that it can be iterated.
        is_one = isinstance(which, str | bytes) or getattr(which, "ndim", None) == 0
        if isinstance(which, Iterable) and not is_one:
            picked = (self._loaded[at] for at in positions(which, self._runs, self._places))
            return type(self)(self.origin, tuple(picked))
        return self._loaded[position(which, self._runs, self._places)]

    @cached_property
    def _places(self) -> dict[str, int]:
        """Where each run stands, by its name."""
        return {run.name: at for at, run in enumerate(self._runs)}

    @cached_property
    def _loaded(self) -> tuple[LoadedRun, ...]:
        """The runs as a notebook has them; made when the first of them is asked for."""
        return tuple(LoadedRun.of(run, self.origin) for run in self._runs)

    def where(self, condition: str) -> Self:
        """The runs for which a condition is true, as ``algo.lr > 1e-4 and env.name = 'Hopper'``.

        ``name``, ``state`` and ``sweep`` are the runs' own, ``result > 0.9`` asks their summaries,
        ``last("test/accuracy") > 0.95`` their metrics. ``groups.conditions`` has all rules.
        """
        from exptools.viewing.curves.selection import select_runs

        chosen = tuple(select_runs(self.origin, self._runs, condition))
        known = None if self._conditions is None else (*self._conditions, condition)
        return type(self)(self.origin, chosen, known)

    def filter(self, keep: Callable[[LoadedRun], Any]) -> Self:
        """The runs for which a function is true, as ``lambda run: run.config["lr"] > 0.1``."""
        if not callable(keep):
            raise TypeError("filter takes a function of a run; where takes a condition as a text")
        return type(self)(self.origin, tuple(run for run in self if keep(run)))

    def refresh(self) -> Self:
        """The runs as they are now: look again below the same directories.

        What was loaded, and what ``where`` chose of it, may have new runs. Runs that were picked in
        another way stay these, less those that are gone.
        """
        self.origin.refresh()
        now = type(self)(self.origin, self.origin.snapshot.runs, ())
        if self._conditions is None:
            there = {run.directory: run for run in now._runs}
            paths = (run.directory for run in self._runs)
            return type(self)(self.origin, tuple(there[path] for path in paths if path in there))
        for condition in self._conditions:
            now = now.where(condition)
        return now
