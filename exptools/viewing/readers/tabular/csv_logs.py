"""Tables of metrics whose names do not tell that they are: their first lines do.

A directory of data has tables, too, and none of these must become a metric. So a file counts only
if both its name is one that logs are given and its beginning is a log's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from exptools.plain_files import open_plain
from exptools.viewing.readers.walk import Listing
from exptools.viewing.run import Source, natural_key
from exptools.visible import visible

HEAD = 2**16  # bytes in which the first lines are looked for
MONITOR = "monitor.csv"  # the end of the name
# What people call the file that they give to Keras's CSVLogger.
KERAS = frozenset(
    {
        *("training.log", "training.csv", "training_log.csv", "training_history.csv"),
        *("train_log.csv", "train_history.csv", "log.csv", "logs.csv", "history.csv"),
    }
)
# Words in the names of logs: pytorch_sac's train.csv and eval.csv, mbrl-lib's results.csv and
# model_train.csv. A name with a number is one of many files, which are data.
_LOG_WORDS = frozenset(
    {
        *("train", "training", "eval", "evaluation", "test", "val", "valid", "validation"),
        *("log", "logs", "history", "progress", "result", "results", "metric", "metrics"),
        *("loss", "losses", "score", "scores", "reward", "rewards", "return", "returns"),
        *("scalar", "scalars", "stats", "statistics", "performance", "curve", "curves"),
    }
)
_MOST_LOGS = 16  # of a run, by their names
_CSV = ".csv"
# What tells a log of one of these from a split of data.
_SPLIT_STEPS = {"step", "frame", "episode", "epoch", "iteration", "global_step"}
_NUMBER = re.compile(
    r"[-+]?(\d+(?:\.\d*)?|\.\d+)([eE][-+]?\d+)?|[-+]?(nan|inf|infinity)", re.IGNORECASE
)


def beginning(path: str, size: int = HEAD) -> bytes:
    """The first bytes of a file; none where it cannot be read.

    They only tell what it is, so a link is no obstacle: it is refused, and named, when it is read.
    """
    try:
        with open(path, "rb", buffering=0, opener=_open_to_look) as file:
            return file.read(size) or b""
    except OSError:
        return b""


def _open_to_look(path: str, flags: int) -> int:
    try:
        return open_plain(path, flags)
    except OSError:
        if not os.path.islink(path) or not os.path.isfile(path):
            raise
        return open_plain(os.path.realpath(path), flags)


def first_rows(path: str) -> list[list[str]]:
    """The cells of the header and of the first row, if whole; none where it is no text."""
    header, *rows = beginning(path).split(b"\n")[:-1] or [b""]
    first = next((row for row in rows if row != header), None)
    try:
        lines = [line.decode("utf-8-sig") for line in (header, first) if line is not None]
    except UnicodeDecodeError:
        return []
    separator = max(",;\t", key=lines[0].count)
    return [[cell.strip().strip('"') for cell in line.split(separator)] for line in lines]


def more_sources(listing: Listing) -> tuple[Source, ...]:
    """The tables of Keras's CSVLogger and of Stable-Baselines3's Monitor in a directory."""
    keras = [name for name in _there(KERAS, listing) if _is_keras(listing, name)]
    several = len(keras) > 1
    logs = [_table(listing, name, f"{name.rpartition('.')[0]}/" * several) for name in keras]
    return (*logs, *_monitors(listing))


def _monitors(listing: Listing) -> list[Source]:
    """Those of a training's environments, which are numbered, together; others by their names.

    ``train.monitor.csv`` and ``eval.monitor.csv`` are no environments of the same training.
    """
    named = [name for name in listing.files if name.endswith(MONITOR)]
    together: dict[str, list[str]] = {}
    for name in sorted(named, key=natural_key):
        if _is_monitor(f"{listing.path}/{name}"):
            kind = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", name.removesuffix(MONITOR))
            together.setdefault(kind, []).append(f"{listing.path}/{name}")
    several = len(together) > 1
    return [
        Source("monitor", tuple(files), f"{visible(kind)}/" if several and kind else "")
        for kind, files in together.items()
    ]


def named_logs(listing: Listing, taken: Iterable[Source]) -> tuple[Source, ...]:
    """The tables, beside those taken already, whose names say that they are logs.

    Their metrics are told apart by their names: ``train/loss``, ``eval/loss``.
    """
    names = sorted(name for name in listing.files if name.endswith(_CSV) and _says_log(name))
    if not names:
        return ()
    known = {file for source in taken for file in source.files}
    new = [name for name in names if f"{listing.path}/{name}" not in known]
    logs = (name for name in new[:_MOST_LOGS] if _is_split(listing, name))
    return tuple(_table(listing, name, f"{name.removesuffix(_CSV)}/") for name in logs)


def _says_log(name: str) -> bool:
    words = re.split(r"[\W_]+", name.removesuffix(_CSV).lower())
    return not _LOG_WORDS.isdisjoint(words) and not any(map(str.isdigit, name))


def has_log(listing: Listing, name: str) -> bool:
    """Whether a directory has a table of this name in which something counts steps."""
    return name in listing.files and _is_split(listing, name)


def _there(names: frozenset[str], listing: Listing) -> list[str]:
    """Those of some names that a directory has. There are many directories: most have none."""
    if names.isdisjoint(listing.files):
        return []
    return sorted(names.intersection(listing.files))


def _table(listing: Listing, name: str, prefix: str) -> Source:
    return Source("table", (f"{listing.path}/{name}",), prefix)


def _is_keras(listing: Listing, name: str) -> bool:
    """Whether epochs are counted in the first of several columns, as CSVLogger does."""
    header, *rows = first_rows(f"{listing.path}/{name}") or [[""]]
    if len(header) < 2 or header[0] != "epoch" or not all(map(_is_name, header)):
        return False
    return all(_is_number(row[0]) and any(map(_is_number, row[1:])) for row in rows)


def _is_split(listing: Listing, name: str) -> bool:
    """Whether something counts steps, and all is numbers."""
    header, *rows = first_rows(f"{listing.path}/{name}") or [[""]]
    counted = _SPLIT_STEPS.intersection(header)
    numbers = bool(rows) and all(not cell or _is_number(cell) for cell in rows[0])
    return bool(counted) and numbers and all(map(_is_name, header))


def _is_monitor(path: str) -> bool:
    return re.match(rb'#\s*\{.*"t_start"', beginning(path)) is not None


def _is_name(cell: str) -> bool:
    return bool(cell) and not _is_number(cell)


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None
