"""Tables of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from exptools.viewing.api import Runs
from exptools.viewing.tables.results import Results, headings

__all__ = ["Results", "headings", "results"]


def results(  # noqa: PLR0913 (each says one thing about the table)
    runs: Runs,
    metrics: str | Sequence[str],
    by: str | Sequence[str],
    *,
    facet: str | None = None,
    summary: str = "last",
    center: str = "mean",
    band: str = "std",
    better: Mapping[str, str] | None = None,
    states: str = "all",
) -> Results:
    """Centre and band over the runs of each group, of one number a run.

    A run whose number is NaN or infinite, as of one that diverged, is not in centre and band, but
    counted: see ``Cell.runs``.

    Args:
        runs: the runs.
        metrics: a column each.
        by: the keys to group by: a row for each of their settings.
        facet: a key across the columns, for example the task: a column for each of its values.
        summary: a run's number: as for ``Runs.table``, or ``best``.
        center: over runs, as for ``Runs.curves``.
        band: likewise.
        better: for metrics whose name does not tell it, ``max`` or ``min``.
        states: which runs count, as for ``Runs.curves``.
    """
    return runs.results(
        metrics,
        by,
        facet=facet,
        summary=summary,
        center=center,
        band=band,
        better=better,
        states=states,
    )
