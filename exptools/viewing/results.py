"""Tables of results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from exptools.viewing.tables.results import Results, headings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from exptools.viewing.api.runs import ResultOptions, Runs

__all__ = ["Results", "headings", "results"]


def results(
    runs: Runs,
    metrics: str | Sequence[str],
    by: str | Sequence[str],
    **options: Unpack[ResultOptions],
) -> Results:
    """The table of ``runs.results``, which tells what the options are."""
    return runs.results(metrics, by, **options)
