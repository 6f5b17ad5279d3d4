"""What was typed after ``exptools``: a type a command. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

FIGURE = "figure"


@dataclass(frozen=True)
class Output:
    """Where a command writes to, and what."""

    command: str  # its name, said before each sentence for people
    kind: str | None  # "csv", "json", "latex", "markdown", FIGURE; None: a text for people
    path: Path | None  # None: the standard output
    for_spreadsheets: bool = False  # CSV in which no text is a formula


@dataclass(frozen=True)
class Command:
    """What all commands have; ``action`` is the function in ``module`` that does it."""

    module: ClassVar[str] = "actions"
    action: ClassVar[str]
    where: str | None  # a condition
    output: Output
    show_secrets: bool


@dataclass(frozen=True)
class DiffCommand(Command):
    """``exptools diff``."""

    module = "diff_actions"
    action = "diff_runs"
    left: Path
    right: Path


@dataclass(frozen=True)
class RunsCommand(Command):
    """What the commands have that look at the runs below some directories."""

    roots: tuple[Path, ...]
    metrics: tuple[str, ...]  # none: the command chooses
    by: tuple[str, ...] | None  # keys; None: the command chooses


@dataclass(frozen=True)
class ImportanceCommand(Command):
    """``exptools importance``."""

    module = "analysis_actions"
    action = "tell_importance"
    roots: tuple[Path, ...]
    metric: str | None  # None: the command chooses
    keys: tuple[str, ...]  # none: all that vary
    summary: str
    states: str
    size: str


@dataclass(frozen=True)
class ImprovementCommand(Command):
    """``exptools improvement``."""

    module = "analysis_actions"
    action = "tell_improvement"
    roots: tuple[Path, ...]
    of: str  # a condition, as the next
    over: str
    metric: str | None
    summary: str
    strata: tuple[str, ...] | None  # keys; None: the command chooses
    interval: str
    better: tuple[tuple[str, str], ...]
    states: str
    size: str


@dataclass(frozen=True)
class ListCommand(RunsCommand):
    """``exptools list``."""

    action = "list_runs"
    summary: str
    sort: tuple[str, ...]  # keys and metrics, "-" before one from the largest down


@dataclass(frozen=True)
class ExportCommand(RunsCommand):
    """``exptools export``."""

    action = "export_rows"
    wide: bool  # a column a metric, instead of a row a value


@dataclass(frozen=True)
class TableCommand(RunsCommand):
    """``exptools table``."""

    action = "make_table"
    facet: str | None
    summary: str
    center: str
    band: str
    better: tuple[tuple[str, str], ...]  # a metric, and "min" or "max"
    states: str


@dataclass(frozen=True)
class PlotCommand(RunsCommand):
    """``exptools plot``."""

    action = "plot"
    facet: str | None
    x: str
    center: str
    band: str
    smooth: str | None
    size: str
    states: str
    together: bool  # all metrics in one panel
    baseline: str | None
    difference: str
    lines: tuple[str, ...]  # reference lines: "0.95 PPO (paper)"
    labels: tuple[tuple[str, str], ...]  # what the legend calls a group, and its own name
    colors: tuple[tuple[str, str], ...]  # likewise
