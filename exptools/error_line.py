"""What went wrong, in one line that helps: for tables, ``status.json`` and a sweep's summary.

The whole traceback stands in the run's log. Here is what the message says first, and the cause
where a library has only wrapped it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

LONGEST = 240  # characters of a message; how many more there were is said
CUT = re.compile(r"… \([\d,]+ more characters\)")  # behind one that was longer

_TERMINAL_CODES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# What frames a message: a rule of "====", the "│" at both sides of a panel, "-- " before it.
_FRAME = re.compile(r"^\s*(?:[=\-*#~_+]{2,}|[\u2500-\u259f]+)(?=\s|$)|[\u2500-\u259f]+\s*$")
# Lines that only announce what the next one says; those of PyYAML and pydantic without a colon.
_ANNOUNCEMENT = re.compile(r".*:|while .*|\d+ validation errors? for .*")
_TRACEBACK = re.compile(r"^.*Traceback .*\(most recent call last\):$", re.MULTILINE)
_END_OF_TRACEBACK = re.compile(r"^(?:[\w<>]+\.)*([A-Z]\w*)(?:: (.*))?$", re.MULTILINE)
_HYDRAS_WRAP = re.compile(r"Error in call to target '(.+?)':\n")
_FULL_KEY = re.compile(r"^\s*full_key: (\S.*)$", re.MULTILINE)  # OmegaConf's and Hydra's
_HYDRAS_ADVICE = ", set env var HYDRA_FULL_ERROR=1 to see chained exception."


def error_line(error: BaseException) -> str:
    """An exception in one line: its type, what its message says first, and what caused it.

    What Hydra's ``instantiate`` wraps is ``ValueError: bad width (in model, my.Net)``; what was
    raised from another exception, ``RuntimeError: no data (from KeyError: 'x')``. A message that
    holds a traceback of another process is told by that traceback's end. Never raises.
    """
    try:
        return _line(error)
    except Exception:  # noqa: BLE001 (exceptions are the user's classes, and may do anything)
        return type(error).__name__


def _line(error: BaseException) -> str:
    text, cause = _message(error), error.__cause__
    if cause is not None and (wrap := _HYDRAS_WRAP.match(text)):
        return f"{_line(cause)} (in {', '.join([*_FULL_KEY.findall(text), wrap[1]])})"
    line = _own_line(error, text)
    parts = getattr(error, "exceptions", None)
    if isinstance(parts, tuple) and parts:  # an ExceptionGroup, which says how many they are
        return f"{line}: {_line(parts[0])}"
    root = _root_cause(error)
    if root is error:
        return line
    from_ = _own_line(root, _message(root))
    told = from_.partition(": ")[2] or from_
    return line if told in line else f"{line} (from {from_})"


def _own_line(error: BaseException, text: str) -> str:
    """The exception's type and what the message says first, whatever caused it."""
    name = type(error).__name__
    *_, last = [None, *_TRACEBACK.finditer(text)]
    if last is not None and (end := _END_OF_TRACEBACK.search(text, last.end())):
        inner = f"{end[1]}: {_cut(end[2])}" if end[2] else end[1]
        around = _first_words(_TRACEBACK.split(text)[0]).rstrip(".")
        return f"{inner} ({around})" if around else inner
    words = _first_words(text) or _cut(text.partition("\n")[0])
    for key in _FULL_KEY.findall(text):
        words += "" if re.search(rf"(?<!\w){re.escape(key)}(?!\w)", words) else f" (in {key})"
    return f"{name}: {words}" if words else name + _place(error)


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 (the user's own __str__)
        return "(its message cannot be made)"
    text = text.encode(errors="replace").decode()  # names of files may be no UTF-8
    text = _TERMINAL_CODES.sub("", text).replace(_HYDRAS_ADVICE, "").strip()
    return "\n".join(
        "".join(character if character.isprintable() else " " for character in line)
        for line in text.splitlines()
    )


def _first_words(text: str) -> str:
    """The first line that says something; behind one that only announces it, if there is one."""
    parts: list[str] = []
    for line in _telling_lines(text):
        if parts and parts[0].startswith("while ") and line[0].isspace():
            continue  # PyYAML shows the place before it says what is wrong there
        parts.append(line.strip())
        is_key = len(parts) > 1 and parts[-1].replace(".", "_").isidentifier()  # pydantic's
        if not is_key and not _ANNOUNCEMENT.fullmatch(parts[-1]):
            break
    return _cut(": ".join(part.rstrip(": ") for part in parts))


def _telling_lines(text: str) -> Iterator[str]:
    """The lines that have words, without what frames them."""
    for line in text.splitlines():
        bare = _FRAME.sub("", line)
        if any(character.isalnum() for character in bare):
            yield bare


def _cut(text: str) -> str:
    more = len(text) - LONGEST
    return f"{text[:LONGEST]}… ({more:,} more characters)" if more > 0 else text


def _root_cause(error: BaseException) -> BaseException:
    """The first of the exceptions that were raised from each other, explicitly."""
    chain = [error]
    while (cause := chain[-1].__cause__) is not None and cause not in chain:
        chain.append(cause)
    return chain[-1]


def _place(error: BaseException) -> str:
    """Where an exception without any message was raised; nothing where nobody knows."""
    trace = error.__traceback__
    if trace is None or not isinstance(error, Exception):
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f" (at {os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno})"
