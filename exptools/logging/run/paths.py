"""Paths as users give them."""

from __future__ import annotations

import os
from pathlib import Path


def as_path(what: str, path: str | os.PathLike[str]) -> Path:
    """The path, for a file or directory that may not be there.

    Args:
        what: names it in errors, as "the run directory".

    Raises:
        TypeError: it is no path.
        ValueError: no file system can have it.
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else path
    if not isinstance(text, str):
        raise TypeError(f"{what} should be a path: a str or a Path, not {path!r:.60}")
    if "\0" in text:
        raise ValueError(f"{what} has a NUL, which no path can have: {text!r:.200}")
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        raise ValueError(f"{what} cannot be written: {text!r:.200} {error.reason}") from error
    return Path(text)
