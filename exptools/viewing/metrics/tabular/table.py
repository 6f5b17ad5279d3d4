"""Read tables of metrics that other programs write as they like: YOLO, Keras, training scripts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from exptools.viewing.metrics.csv_numbers import as_logged_by_others
from exptools.viewing.metrics.csv_reader import parse_csv
from exptools.viewing.metrics.logged_rows import LoggedRows, read_content
from exptools.viewing.run import Fault

SEPARATORS = (b",", b";", b"\t")  # what Keras's CSVLogger is given


def read_table(file: Path) -> LoggedRows:
    """The rows of a table; what separates its cells is what its first line has most of."""
    faults: list[Fault] = []
    content = read_content(file, faults)
    header = content[: content.find(b"\n") + 1]
    separator = max(SEPARATORS, key=header.count).decode()
    rows = parse_csv(content, file, separator, as_logged_by_others)
    return replace(rows, faults=(*rows.faults, *faults))
