"""Which setting mattered, and whether a difference is real: numbers, and the ways to see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exptools.viewing.analysis.importance import Importance
from exptools.viewing.analysis.verdict import Improvement
from exptools.viewing.analysis.words import listed, percent
from exptools.viewing.api.figure_options import SizeOptions, check_options
from exptools.viewing.api.notebook import aligned, table
from exptools.viewing.charts.chart import number
from exptools.viewing.frames import to_pandas

if TYPE_CHECKING:
    from matplotlib.figure import Figure as PaperFigure
    from pandas import DataFrame
    from plotly.graph_objects import Figure
    from typing_extensions import Unpack

HEADS = ("key", "explains", "95 % interval", "by itself", "values")


def importance_rows(found: Importance) -> list[list[str]]:
    """A row an effect as a person reads it, under ``HEADS``."""
    return [
        [
            effect.label,
            percent(effect.share),
            f"{percent(effect.low)} to {percent(effect.high)}" if effect.low == effect.low else "",
            percent(effect.alone) if effect.values else "",
            str(effect.values or ""),
        ]
        for effect in found.effects
    ]


@dataclass(frozen=True, repr=False)
class KeyImportance(Importance):
    """How much each key explains of a metric: to read, to draw, or for a paper."""

    def __repr__(self) -> str:
        return aligned(HEADS, importance_rows(self), [self.headline, self.described, *self.notes])

    def _repr_html_(self) -> str:
        return table(
            HEADS, importance_rows(self), notes=[self.headline, self.described, *self.notes]
        )

    def to_pandas(self) -> DataFrame:
        """The rows as ``frame`` has them, as a pandas frame."""
        return to_pandas(self.frame())

    def plot(self) -> Figure:
        """A bar for each key with its interval, as a Plotly figure."""
        from plotly.graph_objects import Figure

        from exptools.viewing.analysis.importance_chart import importance_chart
        from exptools.viewing.figures.encoding import with_arrays

        return Figure(with_arrays(importance_chart(self).figure))

    def paper(self, **options: Unpack[SizeOptions]) -> PaperFigure:
        """The same as a Matplotlib figure; options are ``size`` and ``out``, as of curves."""
        from exptools.viewing.analysis.paper import importance_figure

        check_options("paper", options, SizeOptions.__optional_keys__)
        return importance_figure(self, **options)


@dataclass(frozen=True, repr=False)
class GroupImprovement(Improvement):
    """Whether one group of runs is better than another: to read, to draw, or for a paper."""

    def __repr__(self) -> str:
        return "\n".join([*self.sentences, *self.notes])

    def _repr_html_(self) -> str:
        rows = [
            [label, number(mean), str(len(values))]
            for label, mean, values in zip(self.labels, self.means, self.values, strict=True)
        ]
        mean = f"mean of the means by {listed(self.strata)} of" if self.strata else "mean"
        heads = ["group", f"{mean} {self.words}", "n"]
        return table(heads, rows, notes=[*self.sentences, *self.notes])

    def to_pandas(self) -> DataFrame:
        """The row as ``frame`` has it, as a pandas frame."""
        return to_pandas(self.frame())

    def plot(self) -> Figure:
        """The runs of both groups and the difference with its interval, as a Plotly figure."""
        from plotly.graph_objects import Figure

        from exptools.viewing.analysis.improvement_chart import improvement_chart
        from exptools.viewing.figures.encoding import with_arrays

        return Figure(with_arrays(improvement_chart(self).figure))

    def paper(self, **options: Unpack[SizeOptions]) -> PaperFigure:
        """The same as a Matplotlib figure; options are ``size`` and ``out``, as of curves."""
        from exptools.viewing.analysis.paper import improvement_figure

        check_options("paper", options, SizeOptions.__optional_keys__)
        return improvement_figure(self, **options)
