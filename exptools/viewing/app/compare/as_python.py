"""Copy as Python: the lines that make what the page shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exptools.viewing.app.compare.content import curve_queries
from exptools.viewing.app.view import View
from exptools.viewing.curves.query import CurveQuery


def python_lines(view: View, roots: Sequence[Path]) -> str:
    """A script that makes the curves of a view with ``exptools.viewing``, and draws them.

    Args:
        view: with its metrics and groups chosen.
        roots: the directories that the page shows.
    """
    lines = ["import exptools.viewing as xv", ""]
    lines.append(f"runs = xv.load({', '.join(_literal(str(root)) for root in roots)})")
    if view.where.strip():
        lines.append(f"runs = runs.where({_literal(view.where)})")
    if view.selected:
        names = ", ".join("'" + name.replace("'", "''") + "'" for name in view.selected)
        lines.append(f"runs = runs.where({_literal(f'run.name in ({names})')})")
    options = ", ".join(_arguments(curve_queries(view)[0]))
    if len(view.metrics) == 1:
        lines.append(f"curves = runs.curves({_literal(view.metrics[0])}, {options})")
        lines.append("figure = curves.plot()")
        lines += [f'figure.update_{axis}axes(type="log")' for axis in view.log]
        lines.append(f"drawing = curves.paper({_paper(view)})")
    else:
        lines.append(f"metrics = {_list(view.metrics)}")
        lines.append(f"curves = [runs.curves(metric, {options}) for metric in metrics]")
        lines.append("figures = [part.plot() for part in curves]")
        lines.insert(1, "from exptools.viewing import paper")
        lines.append(f"drawing = paper.figure(curves, {_paper(view)})")
    return "\n".join(lines) + "\n"


def _arguments(query: CurveQuery) -> list[str]:
    """The arguments of ``Runs.curves`` behind the metric that are not the default."""
    asked, default = query.method, CurveQuery(query.metric)
    options = [f"by={_list(query.by or ())}"]
    texts = {
        "x": (query.x, default.x),
        "center": (asked.center, default.method.center),
        "band": (str(asked.band), str(default.method.band)),
        "smooth": (str(asked.smoothing), str(default.method.smoothing)),
    }
    options += [
        f"{name}={_literal(text)}" for name, (text, usual) in texts.items() if text != usual
    ]
    if asked.smooth_after and asked.smoothing != default.method.smoothing:
        options.append('smooth_when="after"')
    if query.best:
        over = ", ".join(map(_literal, query.best.keys))
        options.append(f"best=xv.Best(({over},), mode={_literal(query.best.mode)})")
    return options


def _paper(view: View) -> str:
    facet = f"facet={_literal(view.split[0])}, " if view.split else ""
    return f'{facet}size="text", out="curves.pdf"'


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(_literal, texts))}]"


def _literal(text: str) -> str:
    """A text as Python's source has it, in double quotes where these need no escapes."""
    plain = text.isprintable() and '"' not in text and "\\" not in text
    return f'"{text}"' if plain else repr(text)
