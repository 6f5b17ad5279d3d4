"""What to say where there is nothing to draw, and what could be done or chosen instead."""

from __future__ import annotations

from collections.abc import Sequence

from exptools.metrics import common, default_metric
from exptools.viewing.app.view import View
from exptools.viewing.curves.summaries import measured_names
from exptools.viewing.index import Index
from exptools.viewing.readers.unread import found_there, instead_of_metrics, read_formats
from exptools.viewing.run import Run

MOST_NAMED = 3  # values in a sentence


def nothing_there(index: Index) -> str:
    """What to say where there is no run."""
    found = found_there(index.roots, index.secrets)
    there = f" What lies here: {found}." if found else ""
    return f"No runs here yet. They appear as soon as one starts.{there} A run is {read_formats()}."


def all_hidden(number: int) -> str:
    """What to say where the user has hidden all runs."""
    runs = "The only run is" if number == 1 else f"All {number:,} runs are"
    return f"{runs} hidden. The header says how many: a click there shows them again."


def nothing_logged(index: Index, runs: Sequence[Run]) -> str:
    """What to say of runs none of which has logged a metric, and where to look instead."""
    if any(run.state is None or not run.state.ended for run in runs):
        said = ["No metric yet. Curves appear here as soon as a run logs its first value."]
    else:
        said = ["No curves: these runs have ended and logged no metric."]
    if measured := measured_names(runs):
        more = ", …" if len(measured) > MOST_NAMED else ""
        named = ", ".join(measured[:MOST_NAMED]) + more
        said.append(f"What they came to ({named}) is in the table below; Charts draws it.")
    elif unread := instead_of_metrics(runs, index.secrets):
        said.append(f"{unread[0].upper()}{unread[1:]}.")
    return " ".join(said)


def not_logged(index: Index, view: View, runs: Sequence[Run], metrics: str) -> str:
    """That none of the runs has logged what was asked for, and what to do."""
    there = default_metric(common(index.runs_by_tag(runs)))
    if there is None:
        return nothing_logged(index, runs)
    none = f"None of the {which_runs(view)} has logged {metrics}."
    return f"{none} They have {there}: choose it as metric."


def which_runs(view: View) -> str:
    """What to call the runs that the view leaves."""
    return "selected runs" if view.selected else "runs shown"
