"""The runs that the page shows, and the answers that are remembered of them."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

from exptools.viewing.app.facts import Facts, gather_facts
from exptools.viewing.app.user_marks import UserMarks
from exptools.viewing.index import Index
from exptools.viewing.run import Run

Answer = TypeVar("Answer")

REMEMBERED = 64  # answers
PAUSE = 2.0  # s between two looks at the disk, or more:
SHARE = 20  # so many times as long as a look takes, lest looking takes more than 5 % of a core
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

    def __init__(self, index: Index, marks: UserMarks | None = None) -> None:
        self.index = index
        self.marks = marks or UserMarks()
        self._next_look = 0.0
        self._looking = threading.Lock()
        self._read_ahead = False
        self._answers = Answers(REMEMBERED)

    def look(self) -> int:
        """The version of the runs, after a look at the disk if the last one is some time ago.

        Looks are made while somebody asks, never too often, and never two at once; for the first
        one everybody waits.
        """
        due, first = time.monotonic() >= self._next_look, self._next_look == 0.0
        if due and self._looking.acquire(blocking=first):
            try:
                if time.monotonic() < self._next_look:
                    return self.index.snapshot.version
                started = time.monotonic()
                self.index.refresh()
                ended = time.monotonic()
                self._next_look = ended + max(PAUSE, SHARE * (ended - started))
            finally:
                self._looking.release()
        return self.index.snapshot.version

    def has_looked(self) -> None:
        """The index has just looked by itself: the next look has time."""
        self._next_look = time.monotonic() + PAUSE

    def read_ahead(self, metric: str) -> None:
        """Read what is likely to be asked for next, all other metrics, on a thread, once.

        Not if they are too much to keep; ``metric`` has been read and tells how much they are.
        """
        facts = self.facts()
        others = [name for name in facts.metrics if name != metric]
        if self._read_ahead or not others:
            return
        self._read_ahead = True
        read = self.index.columns(facts.runs, [metric]).values()
        if sum(columns.rows for columns in read) * 8 * len(others) <= MOST_AHEAD:
            threading.Thread(
                target=self.index.columns, args=(facts.runs, others), daemon=True
            ).start()

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
