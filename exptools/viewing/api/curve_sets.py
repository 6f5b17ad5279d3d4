"""The curves of one metric or of several: their numbers, and the ways to see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from exptools.hints import suggestion
from exptools.viewing.api.figure_options import (
    FigureOptions,
    PaperOptions,
    check_options,
    hex_colors,
)
from exptools.viewing.api.notebook import curves_table
from exptools.viewing.curves.curve_data import CurveData, GroupCurve, caveats, notes, points
from exptools.viewing.errors import QueryError
from exptools.viewing.frames import to_pandas
from exptools.viewing.groups.metric_names import means_metric

T = TypeVar("T")

MOST_OF_A_NOTE = 120  # characters, in a figure

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure as PaperFigure
    from pandas import DataFrame
    from plotly.graph_objects import Figure
    from typing_extensions import Unpack


@dataclass(frozen=True, eq=False, repr=False)
class CurveSet(CurveData, Sequence[GroupCurve]):
    """The curves of one metric, one a group: their numbers, and both ways to draw them."""

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[GroupCurve]:
        return iter(self.groups)

    def __contains__(self, group: object) -> bool:
        return group in [g.label for g in self] if isinstance(group, str) else group in self.groups

    @overload
    def __getitem__(self, which: int | str) -> GroupCurve: ...
    @overload
    def __getitem__(self, which: slice) -> tuple[GroupCurve, ...]: ...
    def __getitem__(self, which: int | str | slice) -> GroupCurve | tuple[GroupCurve, ...]:
        """A group by its position or label."""
        if isinstance(which, slice):
            return self.groups[which]
        if hasattr(which, "__index__"):
            return _at(which, self.groups)
        labels = {group.label: group for group in reversed(self.groups)}
        if not isinstance(which, str) or which not in labels:
            raise QueryError(f"there is no curve {which!r}; {suggestion(str(which), labels)}")
        return labels[which]

    def _ipython_key_completions_(self) -> list[str]:
        return [group.label for group in self]

    def __repr__(self) -> str:
        return f"<CurveSet: {_told(self)}>"

    def _repr_html_(self) -> str:
        return curves_table([self], _told(self))

    def to_pandas(self) -> DataFrame:
        """The points as ``frame`` has them, as a pandas frame."""
        return to_pandas(self.frame())

    def plot(self, **options: Unpack[FigureOptions]) -> Figure:
        """The curves as a Plotly figure; options as of ``CurveSets.plot``."""
        return CurveSets((self,)).plot(**options)

    def paper(self, **options: Unpack[PaperOptions]) -> PaperFigure:
        """The curves as a Matplotlib figure; options as of ``CurveSets.paper``."""
        return CurveSets((self,)).paper(**options)


@dataclass(frozen=True, eq=False, repr=False)
class CurveSets(Sequence[CurveSet]):
    """The curves of several metrics, of the same groups: a panel each when they are drawn."""

    sets: tuple[CurveSet, ...]  # in the order in which the metrics were asked for

    def __len__(self) -> int:
        return len(self.sets)

    @overload
    def __getitem__(self, which: int | str) -> CurveSet: ...
    @overload
    def __getitem__(self, which: slice) -> CurveSets: ...
    def __getitem__(self, which: int | str | slice) -> CurveSet | CurveSets:
        """The curves of a metric by its position or name."""
        if isinstance(which, slice):
            return CurveSets(self.sets[which])
        if not isinstance(which, str):
            return _at(which, self.sets)
        metrics = {curves.metric: curves for curves in self.sets}
        ends = [metric for metric in metrics if means_metric([metric], which)]
        if which not in metrics and len(ends) == 1:
            return metrics[ends[0]]
        if which not in metrics:
            raise QueryError(f"there are no curves of {which!r}; {suggestion(which, metrics)}")
        return metrics[which]

    def _ipython_key_completions_(self) -> list[str]:
        return [curves.metric for curves in self.sets]

    def __repr__(self) -> str:
        return f"<CurveSets: {'; '.join(map(_told, self))}>"

    def _repr_html_(self) -> str:
        return curves_table(self.sets, "; ".join(map(_told, self)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know of the curves, in sentences; of which metric, if not of all."""
        return notes(self.sets)

    @property
    def caveats(self) -> tuple[str, ...]:
        """Those of the notes that a caption should have."""
        return caveats(self.sets)

    @property
    def band(self) -> str:
        """What the bands show: as of a `CurveSet`, of those that have one."""
        bands = dict.fromkeys(one.band for one in self if one.groups and one.band != "none")
        return next(iter(bands), "none")

    def frame(self) -> pl.DataFrame:
        """Every point of every curve as ``CurveSet.frame`` has them, behind a column metric."""
        return points(self.sets)

    def to_pandas(self) -> DataFrame:
        """The points as ``frame`` has them, as a pandas frame."""
        return to_pandas(self.frame())

    def plot(self, **options: Unpack[FigureOptions]) -> Figure:
        """The curves as a Plotly figure, a panel a metric, above each other.

        Args:
            options: ``together`` puts all metrics into one panel; those with other scales have the
                axis at its right. ``references`` are horizontal lines with a name, as
                ``"0.95 PPO (paper)"`` of the first metric, ``"test/loss = 0.3 theirs"`` of another
                one, or ``xv.Reference(0.95, "PPO")``. ``labels`` and ``colors`` are own names and
                colours of groups, by their labels, as ``{"0.01": "#d9580a"}`` or Matplotlib's
                ``"red"``, ``"C0"``.
        """
        from plotly.graph_objects import Figure

        from exptools.viewing.figures.encoding import with_arrays
        from exptools.viewing.figures.several import Look, several

        check_options("plot", options, FigureOptions.__optional_keys__)
        options = {**options, "colors": hex_colors(options.get("colors") or {})}
        drawn = Figure(with_arrays(several(self.sets, Look(**options))))
        if not any(self.sets):
            _say(drawn, self.notes)
        return drawn

    def paper(self, **options: Unpack[PaperOptions]) -> PaperFigure:
        """The curves as a Matplotlib figure for a paper, a panel a metric.

        Args:
            options: those of ``plot``, and: ``size``, ``"column"``, ``"text"`` or ``"page"`` of a
                paper, or the width in inches; ``out``, a file ``.pdf``, ``.svg`` or ``.png`` to
                write, too; ``facet``, a key grouped by with a panel for each of its values;
                ``bands=False``; ``x_scale`` and ``y_scale``, ``"log"`` or ``"symlog"``;
                ``x_range`` and ``y_range``, from where to where, the latter also by metric.
        """
        from exptools.viewing.paper import figure, without_curves

        check_options("paper", options, PaperOptions.__optional_keys__)
        options = {**options, "colors": hex_colors(options.get("colors") or {})}
        if not any(self.sets):
            return without_curves(self.notes, **options)
        return figure(self.sets, **options)


def _at(place: Any, those: Sequence[T]) -> T:
    try:
        found: T = those[place]
    except TypeError:
        raise TypeError(f"curves are taken by position, name or slice, not by {place!r}") from None
    except IndexError:
        raise IndexError(f"there are no curves at {place}: there are {len(those)}") from None
    return found


def _say(figure: Figure, notes: Sequence[str]) -> None:
    """Write into an empty figure why it is."""
    from exptools.viewing.figures.theme import short_text

    text = "<br>".join(short_text(note, MOST_OF_A_NOTE) for note in notes)
    figure.add_annotation(text=text, showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5)


def _told(curves: CurveData) -> str:
    """What the curves are, in a line."""
    runs = sum(len(group.runs) for group in curves.groups)
    by = f" by {', '.join(curves.by)}" if curves.by else ", all runs together"
    band = f", band {curves.band}" if curves.band != "none" else ""
    smooth = f", smoothed {curves.smooth}" if curves.smooth != "none" else ""
    return (
        f"{curves.metric} over {curves.x}{by}: {_counted(len(curves.groups), 'curve')} of "
        f"{_counted(runs, 'run')}; {curves.center}{band}{smooth}"
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"
