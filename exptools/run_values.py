"""What is said of a run as a whole: its summary, and the settings that it was made with.

``summary.json`` and ``.exptools/config.json`` are a JSON object each: the values by their names,
and under ``_exptools`` what tells the file from other programs' and which attempt has said them.
This module needs the standard library only.
"""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from exptools.locks import FileLock
from exptools.plain_json import parse_json
from exptools.rundir import (
    CONFIG_FILE,
    OTHER_SUMMARY_FILE,
    ROW_LOCK,
    SUMMARY_FILE,
    read_regular,
    write_atomic,
)

MARK = "_exptools"
MAX_VALUES = 2**20  # bytes of a file
RESULT = "result"  # the name of what a job returned
_VERSION = 1
_MOST_RESULTS = 100  # numbers of a mapping that was returned
_MOST_OBJECTIVES = 8  # numbers of a sequence that are no series of measurements
_NOT_OURS = (errno.EFBIG, errno.EINVAL, errno.ELOOP, errno.EACCES)
_BEGIN = re.compile(rf'\s*\{{\s*"{MARK}"\s*:')


class TooLarge(OSError):
    """The values would make a file that nobody reads."""


@dataclass(frozen=True)
class RunValues:
    """The content of one of the files."""

    values: Mapping[str, Any] = field(default_factory=dict)
    attempt: str = ""  # at the run, which has said them; "" where no logger was open
    # What earlier attempts said, while nobody knows yet whether this one goes on from them.
    before: Mapping[str, Any] = field(default_factory=dict)
    returned: tuple[str, ...] = ()  # names of the values that the job returned


def summary_path(run_dir: Path) -> Path:
    """Where a run's summary is: ``summary.json``, unless another program has a file there."""
    path = run_dir / SUMMARY_FILE
    if not path.exists() or read_values(path) is not None:
        return path
    return run_dir / OTHER_SUMMARY_FILE


def read_values(path: Path) -> RunValues | None:
    """The content of a file, None where there is none of ours.

    Raises:
        OSError: it is there and cannot be read.
    """
    try:
        content = read_regular(path, MAX_VALUES)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in _NOT_OURS:
            return None
        raise
    return parse_values(content.decode(errors="replace"))


def parse_values(text: str) -> RunValues | None:
    """What the text of a file says, None where it is none of ours."""
    if not is_ours(text):
        return None
    try:
        content = parse_json(text)
    except ValueError:
        return None
    if not isinstance(content, dict) or not isinstance(mark := content.pop(MARK), dict):
        return None
    before, returned = mark.get("before"), mark.get("returned")
    return RunValues(
        content,
        str(mark.get("attempt", "")),
        before if isinstance(before, dict) else {},
        tuple(map(str, returned)) if isinstance(returned, list) else (),
    )


def is_ours(text: str) -> bool:
    """Whether the text of a file begins as those do that are written here."""
    return _BEGIN.match(text) is not None


def write_values(path: Path, content: RunValues) -> None:
    """Replace a file in one step; a reader never sees half of it.

    Raises:
        TooLarge: it would be larger than ``MAX_VALUES``; the file is as it was.
        OSError: it cannot be written.
    """
    mark: dict[str, Any] = {"version": _VERSION, "attempt": content.attempt}
    if content.before:
        mark["before"] = content.before
    if content.returned:
        mark["returned"] = content.returned
    values = {name: value for name, value in content.values.items() if name != MARK}
    # A line each, however deep they are: blanks for each level would be a hundred times as much.
    lines = [f" {_json(str(name))}: {_json(one)}" for name, one in {MARK: mark, **values}.items()]
    encoded = "\n".join(["{", ",\n".join(lines), "}", ""]).encode(errors="replace")
    if len(encoded) > MAX_VALUES:
        why = f"it would have {len(encoded)} bytes, and more than {MAX_VALUES} are not read"
        raise TooLarge(errno.EFBIG, why, str(path))
    write_atomic(path, encoded)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def keep_result(run_dir: Path, returned: object) -> None:
    """Keep the number that a job returned in its summary, as ``result``.

    Those of a mapping, or of a few objectives, are ``result/<name>``. What the job has said itself
    under such a name stays, and what is no number is left out.

    Raises:
        OSError: it cannot be written.
    """
    numbers = numbers_of(returned)
    if not numbers:
        return
    with _locked(run_dir):
        path = summary_path(run_dir)
        now = read_values(path) or RunValues()
        new = {name: n for name, n in numbers.items() if name not in now.values}
        if new:
            names = (*now.returned, *new)
            write_values(path, replace(now, values={**now.values, **new}, returned=names))


def begin_job(run_dir: Path) -> None:
    """Let what earlier attempts at a job have said not count, unless this one goes on from them.

    What they returned is kept in a file of its own, for it never counts again.

    Raises:
        OSError: it cannot be written.
    """
    names = (SUMMARY_FILE, OTHER_SUMMARY_FILE, CONFIG_FILE)
    if not any((run_dir / name).exists() for name in names):
        return
    with _locked(run_dir):
        for path in (summary_path(run_dir), run_dir / CONFIG_FILE):
            now = read_values(path)
            if now is None or not now.values:
                continue
            if now.returned:
                write_values(free_path(path), now)
            rest = {name: value for name, value in now.values.items() if name not in now.returned}
            write_values(path, RunValues(before=merged(now.before, rest)))


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Both, the new ones counting more, also within what is nested."""
    both = dict(old)
    for name, value in new.items():
        before = both.get(name)
        nested = isinstance(before, Mapping) and isinstance(value, Mapping)
        both[name] = merged(before, value) if nested else value  # type: ignore[arg-type]
    return both


def free_path(path: Path) -> Path:
    """Where what a later attempt replaces can be kept: ``<name>.<attempt>.<suffix>``."""
    number = 1
    while (free := path.with_suffix(f".{number}{path.suffix}")).exists():
        number += 1
    return free


def numbers_of(returned: Any) -> dict[str, bool | int | float]:
    """The numbers that a job's return value has, by the names that they have in its summary."""
    named: dict[str, Any] = {RESULT: returned}
    if isinstance(returned, (Mapping, list, tuple)):
        named = {}
        with suppress(Exception):  # code of the user's classes, as in _number
            if isinstance(returned, Mapping):
                items = list(returned.items())[:_MOST_RESULTS]
            else:
                items = list(enumerate(returned if len(returned) <= _MOST_OBJECTIVES else ()))
            named = {f"{RESULT}/{name}": v for name, v in items if isinstance(name, (str, int))}
    numbers = {name: _number(value) for name, value in named.items()}
    return {name: number for name, number in numbers.items() if number is not None}


def _number(value: Any) -> bool | int | float | None:
    """The number that a value is, be it a tensor's or an array's only one; None if it is none."""
    if isinstance(value, (str, bytes, complex)) or value is None:
        return None
    with suppress(Exception):  # code of the user's classes; and who asks has no use for an error
        if callable(item := getattr(value, "item", None)):
            value = item()
        if isinstance(value, (bool, int)):
            return value if abs(value) < 2**63 else float(value)
        if isinstance(value, float) or hasattr(type(value), "__float__"):
            return float(value)
    return None


@contextmanager
def _locked(run_dir: Path) -> Iterator[None]:
    """In turns with processes of the run that are still logging."""
    path = run_dir / ROW_LOCK
    path.parent.mkdir(exist_ok=True)  # but not the run's, should the job have deleted that
    lock = FileLock(path, private=True)
    try:
        lock.acquire()
        yield
    finally:
        lock.close()
