"""Texts and times as a page can show them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from exptools.hints import nearest, suggestion

HYDRAS = (Path("outputs"), Path("multirun"))  # into which Hydra writes by default
MOST_BELOW = 5  # keys of a section that are named


def escape_invalid_unicode(text: str) -> str:
    """The text with halves of characters escaped, as Python shows them: no browser takes them.

    Names of files may be of bytes that are no UTF-8, and JSON and YAML can spell such halves.
    """
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def shortened(text: str, most: int = 60) -> str:
    """The text, or as much of its beginning as that many characters hold."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def what_is_below(section: object, keys: Iterable[str]) -> str:
    """The first dotted keys of a section, of which there may be more; "" where it is none."""
    below = [shortened(key) for key in keys if f".{section}." in f".{key}"]
    return ", ".join(below[:MOST_BELOW]) + (", …" if len(below) > MOST_BELOW else "")


def moment(seconds: float) -> str:
    """A time as a clock and a calendar have it, here."""
    try:
        return time.strftime("%d %b %Y, %H:%M:%S", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "at no time that there is"


def hydras_directories() -> list[Path]:
    """Those of ``HYDRAS`` that are in the current directory."""
    return [root for root in HYDRAS if root.is_dir()]


def nothing_of_hydras() -> str:
    """What to say where there is none of them."""
    return (
        f"there is no {' and no '.join(f'{root}/' for root in HYDRAS)} in this directory; "
        "give the directory that has the runs in it"
    )


def no_directory(root: Path, hidden: Callable[[str], str]) -> str:
    """What to say of a directory that is not there: the one that was probably meant.

    ``hidden`` is a name without the secrets in it.
    """
    siblings: list[str] = []
    with suppress(OSError):
        siblings = sorted(hidden(path.name) for path in root.parent.iterdir() if path.is_dir())
    if root.name == "outputs" and "multirun" in siblings:
        meant = root.with_name("multirun")
        hint = f"; Hydra keeps sweeps in {meant}, unless hydra.sweep.dir says otherwise"
    else:
        close = nearest(root.name, siblings)
        hint = f"; did you mean {root.with_name(close)}?" if close else ""
        if siblings and not close:
            hint = f"; {suggestion(root.name, siblings)}"
    return f"there is no directory {root}{hint}"
