"""``snapshots/`` of a run: the states of a training that it can go on from.

Those of the current attempt's line are ``itr_<n>.pkl``, and ``params.pkl`` for the last one. The
first save of an attempt moves what it does not continue to ``itr_<n>.<attempt>.pkl`` and
``params.<attempt>.pkl``: everything, if no snapshot was loaded before; else what is later than the
loaded one. So the newest snapshot is ``params.pkl`` where there is one, else the highest ``<n>``;
times of files, which copies change, are not asked.
"""

from __future__ import annotations

import functools
import inspect
import operator
import re
import sys
import types
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, SupportsIndex

from exptools.asides import remove_leftovers, written_aside
from exptools.logging.errors import as_logging_error, warn_user
from exptools.logging.snapshots.file import (
    DamagedSnapshot,
    SnapshotError,
    copy_snapshot,
    holds_tensors,
    read_snapshot,
    sync_directory,
    write_snapshot,
)
from exptools.logging.snapshots.policy import LAST_NAME, SnapshotPolicy

_NAME = re.compile(r"itr_(-?[0-9]{1,18})\.pkl")
_SET_ASIDE = re.compile(r"(?:itr_-?[0-9]{1,18}|params)\.([0-9]{1,18})\.pkl")
_KEYS = {"itr", "row", "state"}  # of what save writes, perhaps with a position
_FUNCTIONS = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    functools.partial,
)


@dataclass(frozen=True)
class StoredSnapshot:
    """A state that was saved."""

    itr: int | None  # None if a params.pkl of save_raw does not say it, by an entry "itr"
    state: Any
    path: Path
    row: int | None = None  # the last row that had been begun when it was saved, if that is known
    position: object = None  # how far the run had come, as it was given to save; None: not known


class SnapshotDirectory:
    """Saves and loads the snapshots of a run.

    Args:
        directory: where they are; made when the first is saved.
        policy: which to keep. What belongs to other attempts is neither counted nor deleted.
        turn: gives what keeps other processes that save there from renaming at the same time.
    """

    def __init__(
        self,
        directory: Path,
        policy: SnapshotPolicy | None = None,
        turn: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._directory = directory
        self._policy = policy or SnapshotPolicy()
        self._turn = turn
        self._seen: int | None = None  # the step of the last call, or of what was loaded
        self._origin: StoredSnapshot | None = None  # from which this attempt goes on
        self._has_saved = False

    def save(
        self,
        state: object,
        itr: SupportsIndex,
        row: int | None = None,
        position: object = None,
    ) -> Path | None:
        """Save a state with its step, if the mode keeps it; and with the step of the last row and
        how far the run has come, in plain types.

        In the modes with a gap that is where a multiple of it is reached, or passed since the call
        before, for steps that do not go by one.

        A function, method, lambda or ``functools.partial`` is called without arguments for the
        state, and only if that is kept. Everything else is the state itself, callable or not, for
        instance a torch module. States with tensors are saved by torch, others by cloudpickle.

        Returns:
            The file, ``itr_<n>.pkl`` before ``params.pkl``; None if the mode keeps none. When this
            returns, the disk has it.

        Raises:
            SnapshotError: the state cannot be pickled, or the function takes arguments.
            LoggingError: it cannot be written; the snapshots before are as they were.
        """
        at = operator.index(itr)
        before, self._seen = self._seen, at
        gap = self._policy.gap
        is_passed = before is not None and at // gap > before // gap
        names = self._policy.names(at, in_gap=is_passed or at % gap == 0)
        if not names:
            return None
        content = {"itr": at, "row": row, "state": _evaluate(state)}
        if position is not None:
            content["position"] = position
        return self._write(names, at, content, with_torch=holds_tensors(content["state"]))

    def save_raw(self, params: object, itr: SupportsIndex) -> Path | None:
        """Save an object as a file that holds nothing else, as rlpyt's ``save_itr_params`` does.

        In the modes with a gap those are kept that rlpyt keeps: step 0 and the last of each
        ``gap`` steps that are counted from 0, so 0, 99, 199, … for 100. Torch saves them when it
        is imported, so that ``torch.load(file)`` gives the object.

        Returns, raises: as :meth:`save`.
        """
        at = operator.index(itr)
        names = self._policy.names(at, in_gap=at == 0 or (at + 1) % self._policy.gap == 0)
        with_torch = "torch" in sys.modules
        return self._write(names, at, params, with_torch=with_torch) if names else None

    def load(
        self, itr: SupportsIndex | None = None, map_location: Any = None
    ) -> StoredSnapshot | None:
        """Load a snapshot to go on from: the one of a step, or the newest.

        Where the newest is damaged, a warning names it and the one before it is loaded.

        Returns:
            The snapshot, None where there is none at all.

        Raises:
            SnapshotError: there is none of that step, it cannot be loaded, or all are damaged.
        """
        if itr is None:
            snapshot = self._load_newest(map_location)
        else:
            snapshot = self._load_step(operator.index(itr), map_location)
        if snapshot is not None and not self._has_saved:
            self._seen = snapshot.itr
            self._origin = replace(snapshot, state=None)  # which may be large
        return snapshot

    def _write(self, names: list[str], itr: int, content: object, *, with_torch: bool) -> Path:
        directory = self._directory
        with as_logging_error(directory):
            directory.mkdir(exist_ok=True)
        remove_leftovers(directory)
        with as_logging_error(directory), ExitStack() as until_placed:
            paths = [directory / name for name in names]
            asides = [until_placed.enter_context(written_aside(path)) for path in paths]
            write_snapshot(asides[0], content, with_torch=with_torch)
            for other in asides[1:]:
                copy_snapshot(asides[0], other)
            with self._turn():
                self._set_aside_others(itr)
                # The last one first: after a kill in between, it still is the newest.
                for aside, path in reversed(list(zip(asides, paths, strict=True))):
                    aside.replace(path)
        sync_directory(directory)
        self._has_saved = True
        with self._turn():
            self._delete_old()
        return paths[0]

    def _set_aside_others(self, itr: int) -> None:
        """Move away what this attempt does not continue, or went back behind."""
        others = [path for step, path in self._steps().items() if self._is_other(step, itr)]
        last = self._directory / LAST_NAME
        if last.exists() and not self._has_saved and not self._continues_last():
            others.append(last)
        if others:
            named = (_SET_ASIDE.fullmatch(path.name) for path in self._directory.iterdir())
            taken = {int(match[1]) for match in named if match}
            attempt = next(number for number in count(1) if number not in taken)
            for path in others:
                path.rename(_attempt_name(path, attempt))

    def _is_other(self, step: int, itr: int) -> bool:
        if self._has_saved:
            return step > itr
        origin = self._origin
        return origin is None or (origin.itr is not None and step > min(origin.itr, itr))

    def _continues_last(self) -> bool:
        is_origin = self._origin is not None and self._origin.path.name == LAST_NAME
        return is_origin and "last" in self._policy.mode

    def _delete_old(self) -> None:
        steps, keep = self._steps(), self._policy.keep
        for step in sorted(steps)[:-keep] if keep else ():
            with as_logging_error(steps[step]):
                steps[step].unlink()

    def _steps(self) -> dict[int, Path]:
        with as_logging_error(self._directory):
            if not self._directory.is_dir():
                return {}
            named = [(_NAME.fullmatch(path.name), path) for path in self._directory.iterdir()]
        return {int(match[1]): path for match, path in named if match}

    def _load_newest(self, map_location: Any) -> StoredSnapshot | None:
        steps, last = self._steps(), self._directory / LAST_NAME
        paths = [steps[step] for step in sorted(steps, reverse=True)]
        if last.exists():
            paths.insert(0, last)
        damages: list[DamagedSnapshot] = []
        for path in paths:
            try:
                snapshot = _load(path, map_location)
            except DamagedSnapshot as error:
                damages.append(error)
                continue
            for damage in damages:
                warn_user(f"{damage}; {path.name} is loaded in its place")
            return snapshot
        if damages:
            raise SnapshotError(f"no snapshot is whole; of the newest: {damages[0]}")
        return None

    def _load_step(self, itr: int, map_location: Any) -> StoredSnapshot:
        steps, last = self._steps(), self._directory / LAST_NAME
        if itr in steps:
            return _load(steps[itr], map_location)
        stored = sorted(steps)
        if last.exists():
            snapshot = _load(last, map_location)
            if snapshot.itr == itr:
                return snapshot
            stored += [] if snapshot.itr is None else [snapshot.itr]
        if not stored:
            raise SnapshotError(f"there is no snapshot of step {itr}, nor any in {self._directory}")
        nearest = min(stored, key=lambda step: abs(step - itr))
        raise SnapshotError(
            f"there is no snapshot of step {itr} in {self._directory}; the nearest of "
            f"{len(stored)} is {nearest}"
        )


def _load(path: Path, map_location: Any) -> StoredSnapshot:
    content = read_snapshot(path, map_location)
    if isinstance(content, dict) and content.keys() - {"position"} == _KEYS:
        position = content.get("position")
        return StoredSnapshot(content["itr"], content["state"], path, content["row"], position)
    if match := _NAME.fullmatch(path.name):
        return StoredSnapshot(int(match[1]), content, path)
    itr = content.get("itr") if isinstance(content, Mapping) else None
    return StoredSnapshot(itr if isinstance(itr, int) else None, content, path)


def _evaluate(state: Any) -> object:
    if not isinstance(state, _FUNCTIONS):
        return state
    try:
        inspect.signature(state).bind()
    except TypeError as error:
        name = getattr(state, "__qualname__", repr(state))
        raise SnapshotError(
            f"a snapshot's function is called without arguments, but {name} takes some: {error}"
        ) from error
    except ValueError:
        pass  # some built-in functions do not say what they take
    return state()


def _attempt_name(path: Path, attempt: int) -> Path:
    return path.with_suffix(f".{attempt}{path.suffix}")
