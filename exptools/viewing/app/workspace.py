"""The runs that the page shows, and the answers that are remembered of them."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from exptools.viewing.app.facts import Facts, gather_facts
from exptools.viewing.index import Index
from exptools.viewing.run import Run
from exptools.viewing.run_files.group_names import GroupNames, OwnName
from exptools.viewing.run_files.user_marks import UserMarks
from exptools.visible import visible

Answer = TypeVar("Answer")

REMEMBERED = 64  # answers
PAUSE = 2.0  # s between two looks at the disk, or more:
FIRST_PAUSE = 10.0  # s after the first look at most, which may have waited for a slow disk
SHARE = 20  # so many times as long as a look takes, lest looking takes more than 5 % of a core
AHEAD = 1.0  # s after a picture, when the browser has drawn it and the table has its rows
MOST_AHEAD = 150 * 2**20  # bytes of metrics that are read before anybody asks


class Answers:
    """The last ``most`` answers to questions about one version, the newest. Thread-safe."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._version = -1
        self._asked: dict[Hashable, threading.Lock] = {}
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def remembered(self, version: int, question: Hashable, compute: Callable[[], Answer]) -> Answer:
        """The answer to a question about a version, computed only where it is not known."""
        with self._lock:
            if version > self._version:
                self._answers.clear()
                self._version = version
            if version == self._version and question in self._answers:
                self._answers.move_to_end(question)
                return cast(Answer, self._answers[question])
            asked = self._asked.setdefault(question, threading.Lock())
        with asked:  # who asks the same meanwhile waits for the answer
            with self._lock:
                if version == self._version and question in self._answers:
                    return cast(Answer, self._answers[question])
            answer = compute()
            with self._lock:
                self._asked.pop(question, None)
                if version == self._version:
                    self._answers[question] = answer
                    while len(self._answers) > self._most:
                        self._answers.popitem(last=False)
        return answer


class Workspace:
    """An index, and what was computed of it for as long as nothing has changed. Thread-safe."""

    def __init__(
        self, index: Index, marks: UserMarks | None = None, names: GroupNames | None = None
    ) -> None:
        self.index = index
        self.marks = marks or UserMarks()
        self._looking = threading.Lock()
        self._again = False  # whether a look was made that was not the first
        self._read_ahead = False
        self._answers = Answers(REMEMBERED)
        self._hidden = self.marks.hidden_places()
        place = Path(os.path.commonpath([str(root) for root in index.roots]))
        self.names = names or GroupNames(place)

    @property
    def place(self) -> str:
        """The directories in which runs are looked for, as they may be shown."""
        hidden = self.index.hiding.place
        return ", ".join(visible(str(hidden(root))) for root in self.index.roots)

    def look(self) -> int:
        """The version of the runs, after a look at the disk if the last one is some time ago.

        Looks are made while somebody asks, never too often, and never two at once; for the first
        one everybody waits.
        """
        first = self.index.last_look is None
        if self._is_due() and self._looking.acquire(blocking=first):
            try:
                if self._is_due():
                    self._again = not first
                    self.index.refresh()
                    self._follow_hidden()
            finally:
                self._looking.release()
        return self.index.snapshot.version

    def _is_due(self) -> bool:
        last = self.index.last_look
        if last is None:
            return True
        pause = max(PAUSE, SHARE * last.seconds)
        return time.monotonic() >= last.end + (pause if self._again else min(pause, FIRST_PAUSE))

    def hide(self, runs: Sequence[Run], *, hidden: bool) -> tuple[int | None, str]:
        """Hide some runs for good, or show them again: the new version, or None and why not."""
        stamp, problem = self.marks.keep_hidden(runs, hidden=hidden)
        if stamp is None:
            return None, problem
        self._follow_hidden()
        return self.index.snapshot.version, ""

    def _follow_hidden(self) -> None:
        """A run that was hidden, here or by another server, is gone: there is a new version."""
        hidden = self.marks.hidden_places()
        if hidden != self._hidden:
            self._hidden = hidden
            self.index.renew()

    def read_ahead(self, metric: str) -> None:
        """Read what is likely to be asked for next, all other metrics, soon, on a thread, once.

        Not if they are too much to keep; ``metric`` has been read and tells how much they are.
        """
        if self._read_ahead:
            return
        self._read_ahead = True
        timer = threading.Timer(AHEAD, self._read_others, [metric])
        timer.daemon = True
        timer.start()

    def _read_others(self, metric: str) -> None:
        facts = self.facts()
        others = [name for name in facts.metrics if name != metric]
        read = self.index.columns(facts.runs, [metric] if others else []).values()
        if others and sum(columns.rows for columns in read) * 8 * len(others) <= MOST_AHEAD:
            self.index.columns(facts.runs, others)

    def group_names(self) -> Mapping[str, OwnName]:
        """The user's own names and colours of groups, as they are now."""
        return self.names.all()

    def run(self, name: str) -> Run | None:
        """The run of a name."""
        return next((run for run in self.index.snapshot.runs if run.name == name), None)

    def facts(self) -> Facts:
        """What the page needs to know of the runs as they are now."""
        snapshot = self.index.snapshot
        compute = lambda: gather_facts(self.index, snapshot.runs, snapshot.version, self.marks)  # noqa: E731
        return self.remembered(snapshot.version, "facts", compute)

    def remembered(self, version: int, question: Hashable, compute: Callable[[], Answer]) -> Answer:
        """The answer to a question about a version, computed only where it is not known."""
        return self._answers.remembered(version, question, compute)
