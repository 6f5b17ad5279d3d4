"""Read tables of metrics that other programs write as they like: YOLO, Keras, training scripts."""

from __future__ import annotations

from pathlib import Path

from exptools.rundir import read_regular
from exptools.viewing.metrics.csv_numbers import as_logged_by_others
from exptools.viewing.metrics.csv_reader import parse_csv
from exptools.viewing.metrics.logged_rows import MAX_BYTES, LoggedRows

SEPARATORS = (b",", b";", b"\t")  # what Keras's CSVLogger is given


def read_table(file: Path) -> LoggedRows:
    """The rows of a table; what separates its cells is what its first line has most of."""
    content = read_regular(file, MAX_BYTES)
    header = content[: content.find(b"\n") + 1]
    separator = max(SEPARATORS, key=header.count).decode()
    return parse_csv(content, file, separator, as_logged_by_others)
