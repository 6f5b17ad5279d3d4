"""The exit code of a script that does not look at how its runs ended.

``python launch.py && next`` should not go on after runs that failed. A script that looks at what
`run_experiments` returns has its own way with failures, and keeps its exit code.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from exptools.launching.jobs.outcomes import Outcome
from exptools.rundir import State

_SHOWN = 3  # failed runs that the last line names


class Outcomes(list[Outcome]):
    """How each run ended, and whether anybody has looked."""

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        super().__init__(outcomes)
        self.looked_at = False


def _noticing(name: str) -> Callable[..., Any]:
    """A list's method that notices that somebody looks."""
    method = getattr(list, name)

    @functools.wraps(method)
    def look(self: Outcomes, *args: Any, **kwargs: Any) -> Any:
        self.looked_at = True
        return method(self, *args, **kwargs)

    return look


_LOOKS = ["__iter__", "__reversed__", "__len__", "__getitem__", "__contains__", "__repr__"]
_LOOKS += ["__eq__", "__ne__", "__add__", "__mul__", "__reduce_ex__", "copy", "count", "index"]
for _name in (*_LOOKS, "pop", "sort", "reverse"):
    setattr(Outcomes, _name, _noticing(_name))


class ExitCode:
    """Ends the program with exit code 1 if nobody has looked at runs that went wrong."""

    def __init__(self) -> None:
        self._returned: list[tuple[Outcomes, list[Outcome], int]] = []  # those that went wrong, of
        self._process = 0
        self._registered = 0  # exit functions at that time
        self._goes_first = False

    def watch(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The outcomes, as `run_experiments` should return them."""
        wrong = [one for one in outcomes if one.status.state is not State.COMPLETED]
        returned = Outcomes(outcomes)
        if wrong and not _somebody_else_decides():
            self._returned.append((returned, wrong, len(outcomes)))
            self._process = os.getpid()
            self._go_first()
            if not self._goes_first:
                # Before any exit function, and after the script's last line.
                with contextlib.suppress(AttributeError, RuntimeError):  # Python is ending already
                    threading._register_atexit(self._go_first)  # type: ignore[attr-defined]
                self._goes_first = True
        return returned

    def _go_first(self) -> None:
        """Be the first of the exit functions, whatever was registered since: ours calls the others.

        What the script registers later would run before it, and those of before would never run.
        """
        if self._returned and self._process == os.getpid():
            atexit.unregister(self._at_exit)
            atexit.register(self._at_exit)
            self._registered = atexit._ncallbacks()

    def _at_exit(self) -> None:
        """Only here is it known that nobody has looked, and from here only `os._exit` leads."""
        unseen = [(wrong, count) for seen, wrong, count in self._returned if not seen.looked_at]
        self._returned.clear()
        in_child = self._process != os.getpid()
        if not unseen or in_child or getattr(sys, "last_value", None) is not None:
            return  # an exception has its exit code
        # Ours is the first to run, and cuts off the others.
        if atexit._ncallbacks() == self._registered:
            atexit._run_exitfuncs()
        print(_last_line(unseen), file=sys.stderr)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # nobody reads
                stream.flush()
        os._exit(1)


def _somebody_else_decides() -> bool:
    """Whether this is no script: somebody sits there and sees, or it is a test of pytest's."""
    return hasattr(sys, "ps1") or ("pytest" in sys.modules and "PYTEST_CURRENT_TEST" in os.environ)


def _last_line(unseen: Sequence[tuple[Sequence[Outcome], int]]) -> str:
    wrong = [outcome for some, _ in unseen for outcome in some]
    told = [f"{one.job.name} {one.status.state.value}" for one in wrong[:_SHOWN]]
    others = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    return (
        f"exptools: exit code 1, for {len(wrong)} of {sum(count for _, count in unseen)} runs went "
        f"wrong: {', '.join(told)}{others}"
    )


exit_code = ExitCode()
"""Of this process."""
