"""Answers without numbers where no run has any to give: empty, with a note that says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from exptools.viewing.curves.curve_data import CurveData
from exptools.viewing.curves.endings import ALL, parse_states
from exptools.viewing.curves.query import CurveQuery, curve_sets
from exptools.viewing.curves.summaries import summary_of
from exptools.viewing.errors import NoRunError
from exptools.viewing.groups.grouping import find_keys
from exptools.viewing.groups.metric_names import nothing_yet
from exptools.viewing.index import Index
from exptools.viewing.run import Run
from exptools.viewing.tables.results import Results, ResultsQuery, results_table


def counted_curves(
    index: Index, runs: Sequence[Run], queries: Sequence[CurveQuery]
) -> list[CurveData]:
    """The curves that are asked for; none where no run counts."""
    try:
        return curve_sets(index, runs, queries)
    except NoRunError as error:
        everyone = curve_sets(index, runs, [replace(query, states=ALL) for query in queries])
        return [replace(curves, groups=(), notes=(_sentence(error),)) for curves in everyone]


def counted_results(index: Index, runs: Sequence[Run], query: ResultsQuery) -> Results:
    """The table that is asked for; without rows where no run counts, or nothing was logged."""
    if not query.metrics:
        keys = find_keys(runs, query.by)
        # What is asked for must make sense here, too.
        find_keys(runs, [query.facet] if query.facet is not None else [])
        summary_of("", query.summary, "max")
        parse_states(query.states)
        table = Results(
            by=tuple(key.name for key in keys),
            facet=query.facet,
            center=query.method.center,
            band=str(query.method.band),
            columns=(),
            rows=(),
            texts=(),
            cells=(),
            heads=tuple(key.short for key in keys),
        )
        why = nothing_yet((), runs) or "The runs have logged nothing."
        return replace(table, caveats=(why if runs else "There are no runs.",))
    try:
        return results_table(index, runs, query)
    except NoRunError as error:
        table = results_table(index, runs, replace(query, states=ALL))
        nothing = replace(table, rows=(), texts=(), cells=(), remarks=())
        return replace(nothing, caveats=(_sentence(error),))


def _sentence(error: NoRunError) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
