"""What the tab of a run reads of its files: each through the one gate that serves any."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, TypeVar

from flask import current_app

from exptools.hints import suggestion
from exptools.rundir import MEDIA_INDEX
from exptools.viewing.app.served_files import NotServedError, open_served
from exptools.viewing.app.serving.shapes import MalformedError
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.run import Run
from exptools.viewing.run_files.media import MediaIndex
from exptools.visible import visible_lines

T = TypeVar("T")
FAILED = "This cannot be shown: see what exptools-dash says in its terminal."
REMEMBERED = 16  # runs whose indexes of media are kept in any case, others up to
MOST_KEPT = 64 * 2**20  # bytes of these indexes, all together


class Unreadable(Exception):
    """A file of a run cannot be shown; the message is a sentence for the page."""

    def __init__(self, sentence: str) -> None:
        super().__init__(visible_lines(sentence))


def instead(outputs: Any) -> Callable[[Exception], Any]:
    """What a callback says with these outputs if it fails: what is there may be another run's."""

    def answer(error: Exception) -> Any:
        if isinstance(error, MalformedError):  # what was asked is nothing
            raise error
        current_app.logger.error("a callback fails", exc_info=error)
        return outputs

    return answer


def shown_run(workspace: Workspace, shown: Mapping[str, Any] | None) -> Run | None:
    """The run that the store ``run-shown`` names."""
    return workspace.run((shown or {}).get("name", ""))


def latest_run(workspace: Workspace) -> Run | None:
    """The run that somebody most likely wants to see: the one that was last written to."""
    return max(workspace.index.snapshot.runs, key=_last_seen, default=None)


def no_such_run(workspace: Workspace, name: str) -> str:
    """The sentence for a name that no run has."""
    names = [run.name for run in workspace.index.snapshot.runs]
    if not names:
        return "No run yet. The first one appears here by itself."
    return f"There is no run {name!r} any more; {suggestion(name, names)}"


def group_of(workspace: Workspace, run: Run) -> tuple[Run, ...]:
    """The runs that a run is compared with, itself among them: its sweep, else all of them."""
    runs = workspace.index.snapshot.runs
    if run.sweep is None:
        return runs
    return tuple(other for other in runs if other.sweep == run.sweep)


def is_sweep_run(run: Run) -> bool:
    """Whether a run was started together with others."""
    return run.sweep is not None or bool(run.status and run.status.job is not None)


def is_live(run: Run) -> bool:
    """Whether more may happen to a run. One without a status may be finished or not."""
    return run.state is None or not run.state.ended


def read(
    workspace: Workspace, run: Run, relative: str, reader: Callable[[BinaryIO], T]
) -> T | None:
    """What a reader makes of a run's file; None where there is no such file.

    Raises:
        Unreadable: it may not be served, cannot be read, or is not what it should be.
    """
    try:
        if not os.path.lexists(run.directory / relative):
            return None
        with open_served(workspace.index, run.name, relative) as file:
            return reader(file)
    except NotServedError as error:
        raise Unreadable(f"{error}.") from error
    except OSError as error:
        raise Unreadable(f"{relative} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise Unreadable(f"{relative} cannot be read: {error}.") from error


class MediaCache:
    """The media of the runs that were looked at last. Thread-safe; no run waits for another's."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._media: OrderedDict[str, tuple[threading.Lock, MediaIndex]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, run: Run) -> MediaIndex:
        """A run's media as they are now.

        Raises:
            Unreadable: there is an index that cannot be read.
        """
        with self._lock:
            lock, media = self._media.setdefault(run.name, (threading.Lock(), MediaIndex()))
            self._media.move_to_end(run.name)
        with lock:
            if read(self._workspace, run, MEDIA_INDEX, media.follow) is not None:
                self._forget_others()
                return media
        with self._lock:  # the index is gone: begin anew when there is one again
            self._media.pop(run.name, None)
        return MediaIndex()

    def _forget_others(self) -> None:
        with self._lock:
            kept = sum(media.read_to for _, media in self._media.values())
            while kept > MOST_KEPT and len(self._media) > REMEMBERED:
                _, (_, media) = self._media.popitem(last=False)
                kept -= media.read_to


def _last_seen(run: Run) -> tuple[bool, float]:
    started = run.status.started if run.status else None
    return run.state is not None and is_live(run), max(run.updated or 0.0, started or 0.0)
