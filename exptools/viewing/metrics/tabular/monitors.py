"""Read Stable-Baselines3's ``*.monitor.csv``: a row an episode, a file an environment.

Before the header stands a comment with the time at which the environment was made; ``t`` counts the
seconds since then. As ``load_results`` and ``ts2xy`` of that library have it, the episodes of all
files of a directory are put in the order in which they ended, and the step of one is the sum of the
lengths of all up to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exptools.plain_json import parse_json
from exptools.rundir import STEP, WALL_TIME
from exptools.viewing.lazy_polars import pl
from exptools.viewing.metrics.csv_numbers import as_logged_by_others
from exptools.viewing.metrics.csv_reader import parse_csv
from exptools.viewing.metrics.logged_rows import LoggedRows, contents, one_below_another
from exptools.viewing.run import Fault

LENGTH, SECONDS = "l", "t"  # of an episode; since the environment was made


def read_monitors(files: Sequence[Path]) -> LoggedRows:
    """The episodes of all environments; a file that cannot be read is a fault."""
    frames: list[pl.DataFrame] = []
    faults: list[Fault] = []
    for file, content in contents(files, faults):
        frame, of_file = _read(content, file)
        frames.append(frame)
        faults += of_file
    if not frames:
        return LoggedRows(faults=tuple(faults))
    episodes = one_below_another(frames).sort(WALL_TIME, maintain_order=True)
    lengths = episodes[LENGTH] if LENGTH in episodes.columns else pl.repeat(1.0, episodes.height)
    steps = pl.select(lengths.fill_null(0).fill_nan(0).cum_sum().alias(STEP)).to_series()
    return LoggedRows(episodes.insert_column(0, steps), tuple(faults))


def _read(content: bytes, file: Path) -> tuple[pl.DataFrame, tuple[Fault, ...]]:
    """The rows of one file, with the time at which each episode ended in Unix seconds."""
    start, faults = _started(content.partition(b"\n")[0], file)
    # The comment stays as an empty line, lest the lines of faults be counted wrong.
    comment, _, table = content.partition(b"\n") if content[:1] == b"#" else (b"", b"", content)
    rows = parse_csv(table, file, numbers=as_logged_by_others)
    below = [
        Fault(fault.file, fault.line and fault.line + bool(comment), fault.reason)
        for fault in rows.faults
    ]
    columns = [column for column in rows.frame if column.name not in (STEP, WALL_TIME)]
    frame = pl.DataFrame(columns)
    seconds = frame[SECONDS] if SECONDS in frame.columns else pl.Series([None], dtype=pl.Float64)
    ended = pl.select(pl.lit(seconds) + start).to_series().alias(WALL_TIME)
    return frame.with_columns(ended if frame.height else ended.clear()), (*faults, *below)


def _started(line: bytes, file: Path) -> tuple[float | None, tuple[Fault, ...]]:
    """When the environment was made, in Unix seconds."""
    try:
        return float(parse_json(line.lstrip(b"#"))["t_start"]), ()
    except (ValueError, TypeError, LookupError, OverflowError):
        reason = 'does not begin with #{"t_start": …}: when its episodes ended is not known'
        return None, (Fault(file, 1, reason),)
