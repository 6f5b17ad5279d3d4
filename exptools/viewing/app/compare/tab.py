"""The tab that compares: curves of groups of runs, and the table of runs under them.

Each callback is a plain function of the workspace and of the page's values; ``register`` ties them
to the page. What is chosen goes through the store ``view``: page.js takes it from the controls and
shows it in them, so that an address sets them as a hand does.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, Patch, State, dcc, html, no_update

from exptools.viewing.app.compare import controls, downloads, media_link, options, reference_lines
from exptools.viewing.app.compare.captions import caption, pager, reason
from exptools.viewing.app.compare.chart import chart, columns_of, height, most_lines
from exptools.viewing.app.compare.content import drawing
from exptools.viewing.app.compare.log_axes import on_log_axes
from exptools.viewing.app.compare.panels import Drawing
from exptools.viewing.app.compare.spread import spread
from exptools.viewing.app.facts import Facts, shown_runs
from exptools.viewing.app.small_multiples import section
from exptools.viewing.app.table import grid
from exptools.viewing.app.table.rows import beyond_values
from exptools.viewing.app.view import View
from exptools.viewing.app.widgets import GRAPH, in_browser, theme_of
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.errors import QueryError
from exptools.viewing.figures.references import parse_reference
from exptools.viewing.run_files.user_marks import UserMarks

OFFERS = {"symlog": "Show values ≤ 0, on a symlog axis", "left-out": "Leave values ≤ 0 out"}
CURVES = GRAPH | {"doubleClick": "autosize"}  # all of the axes, whatever was seen first
DRAWN = {  # what ``draw`` gives, and where it goes
    "drawing": ("drawing", "data"),
    "drawn": ("drawn", "data"),
    "class_name": ("chart", "className"),
    "style": ("chart", "style"),
    "empty": ("empty", "children"),
    "caption": ("caption", "children"),
    "reason": ("reason", "children"),
    "notes": ("notes", "children"),
    "spread": ("spread", "children"),
    "spread_key": ("spread-key", "data"),
    "group_by": ("group-by", "children"),
    "narrow": ("spread-line", "hidden"),
    "offer": ("offer", "children"),
    "no_offer": ("offer-line", "hidden"),
    "unpaged": ("pager", "hidden"),
    "pager": ("pager-text", "children"),
    "is_first": ("page-back", "disabled"),
    "is_last": ("page-on", "disabled"),
    "complaint": ("where", "error"),
    "baselines": ("baseline", "data"),
    "bad_line": ("references", "error"),
}
_LARGE = ("drawing", "drawn")  # and never the same as before


def layout(facts: Facts) -> list[Any]:
    """What the tab holds; the chart and the rows follow once the page is there."""
    chart_card = html.Section(
        [
            controls.bar(facts),
            html.Div(
                [
                    html.P(
                        [html.Span(id="caption"), " ", html.Span(id="reason")],
                        className="captions",
                    ),
                    downloads.menu(),
                ],
                className="under-controls",
            ),
            html.Div(
                [
                    html.Div(id="busy", hidden=True),
                    dcc.Graph(id="curves", responsive=True, config=CURVES),
                    html.P(id="empty"),
                    *media_link.layout(),
                ],
                id="chart",
                className="loading",
            ),
            html.Div(
                [
                    html.Span(id="pager-text"),
                    _small_button("Previous", "page-back"),
                    _small_button("Next", "page-on"),
                ],
                id="pager",
                hidden=True,
            ),
            html.Ul(id="notes", className="notes"),
            html.Div(
                _small_button("", "offer"), id="offer-line", className="captions hint", hidden=True
            ),
            html.P(
                [html.Span(id="spread"), " ", _small_button("", "group-by")],
                id="spread-line",
                className="captions hint",
                hidden=True,
            ),
        ],
        className="card",
    )
    stores = [
        *(dcc.Store(id=name) for name in ("drawing", "drawn", "clicked", "opened", "sorted")),
        *(dcc.Store(id=name) for name in ("rows-data", "rows-key", "shown-columns", "starred")),
        *(dcc.Store(id=name) for name in ("typed", "ticked", "arranged", "shown-where")),
        *(
            dcc.Store(id=name)
            for name in ("funneled", "filtered", "funnels", "spread-key", "compared")
        ),
    ]
    return [*stores, chart_card, *section.layout(facts), html.Div(id="faults"), grid.layout()]


def _small_button(title: str, id_: str) -> Any:
    return dmc.Button(title, id=id_, variant="default", size="compact-xs")


def register(app: Dash, workspace: Workspace, marks: UserMarks) -> None:
    """Tie the callbacks to the page."""
    app.callback(
        output={name: Output(name, "data") for name in ("metrics", "by", "split", "best", "x")},
        inputs=Input("version", "data"),
        prevent_initial_call=True,
    )(partial(update_options, workspace))
    app.callback(
        output={name: Output(*place) for name, place in DRAWN.items()},
        inputs={
            "version": Input("version", "data"),
            "data": Input("view", "data"),
            "colors": Input("colors", "data"),
            "_marks": Input("marks", "data"),
        },
        state={
            "drawn": State("drawn", "data"),
            "said": {name: State(*place) for name, place in DRAWN.items() if name not in _LARGE},
        },
        running=[(Output("busy", "hidden"), False, True)],
        prevent_initial_call=True,
    )(partial(redraw, workspace))
    app.callback(
        Output("view", "data", allow_duplicate=True),
        Input("clicked", "data"),
        State("view", "data"),
        prevent_initial_call=True,
    )(partial(click, workspace))
    grid.register(app, workspace, marks)
    section.register(app)
    media_link.register(app, workspace)
    _register_in_browser(app)


def _register_in_browser(app: Dash) -> None:
    """What needs no server: the chart's figure, the table's rows, controls to view and back."""
    changed, view = Output("view", "data", allow_duplicate=True), State("view", "data")
    names = controls.CONTROLS
    tie = partial(in_browser, app)
    tie("exptools.keepView", Output("curves", "figure"), Input("drawing", "data"))
    rows = Input("rows-data", "data"), Input("rows-key", "data")
    tie("exptools.rows", Output("runs", "rowData"), *rows)
    tie("exptools.choose", changed, *(Input(*control) for control in names.items()), view)
    tie("exptools.filter", changed, Input("typed", "data"), view)
    tie(
        "exptools.show",
        *(Output(*control) for control in names.items()),
        Input("view", "data"),
        *(State(*control) for control in names.items()),
    )
    ranges = {"range": ALL, "metric": ALL}
    drawing_, texts = Input("drawing", "data"), State(ranges, "value")
    typed = [Input(ranges, event) for event in ("n_submit", "n_blur")]
    tie("exptools.rangeFields", Output("ranges", "children"), drawing_, view)
    tie("exptools.range", changed, Output(ranges, "error"), *typed, texts, view)
    shown = Output(ranges, "value"), Output(ranges, "error", allow_duplicate=True)
    tie("exptools.showRanges", *shown, Input("view", "data"), texts, State(ranges, "error"))
    tie("exptools.zoom", changed, Input("curves", "relayoutData"), view)
    tie("exptools.select", changed, Input("ticked", "data"), view)
    tie("exptools.tick", Input("view", "data"))
    tie("exptools.clear", changed, Input("clear", "n_clicks"), view)
    buttons = Input("page-back", "n_clicks"), Input("page-on", "n_clicks")
    tie("exptools.turn", changed, *buttons, view)
    tie(
        "exptools.groupBy",
        changed,
        Input("group-by", "n_clicks"),
        State("spread-key", "data"),
        view,
    )
    tie("exptools.takeOffer", changed, Input("offer", "n_clicks"), view)
    tie("exptools.compare", changed, Input("compared", "data"), view)
    tie("exptools.open", changed, Input("opened", "data"), view)
    tie("exptools.funnel", changed, Input("filtered", "data"), view)
    tie("exptools.showFunnels", Input("funnels", "data"))
    tie("exptools.sort", changed, Input("sorted", "data"), view)
    columns = ("columns", "value")
    shown_columns = ("shown-columns", "data")
    tie("exptools.chooseColumns", changed, Input(*columns), State(*shown_columns), view)
    tie("exptools.showColumns", Output(*columns), Input(*shown_columns))


def update_options(workspace: Workspace, _version: int) -> dict[str, Any]:
    """What can be chosen now."""
    facts = workspace.facts()
    return {
        "metrics": controls.metric_options(facts),
        "by": options.keys(facts, each=True),
        "split": options.keys(facts),
        "best": options.best_of(facts),
        "x": options.x_options(facts),
    }


def redraw(workspace: Workspace, *, said: dict[str, Any], **asked: Any) -> Any:
    """As ``draw``, without what the page says already: each answer costs it time, the same too."""
    answers = draw(workspace, **asked)
    if not isinstance(answers, dict):
        return answers
    known = {name for name, answer in answers.items() if name in said and said[name] == answer}
    return {name: no_update if name in known else answer for name, answer in answers.items()}


def draw(
    workspace: Workspace,
    *,
    version: int,
    data: dict[str, Any],
    colors: str | None,
    drawn: str | None,
    _marks: Any = None,
) -> Any:
    """The figure, and the sentences around it; nothing where ``drawn`` says that the page has it.

    ``version`` and ``_marks`` only trigger.
    """
    view, facts = View.from_data(data), workspace.facts()
    drawing_it = replace(view.of_chart(), **section.CHOSEN)  # what does not is left alone
    own = (facts.marked(view.where), workspace.group_names())
    too_many = beyond_values(view)
    key = repr((drawing_it, facts.version, colors, own, too_many))
    if view.tab != "compare" or key == drawn:
        return no_update
    content = on_log_axes(drawing(workspace, view), view)
    if content.panels:
        workspace.read_ahead(view.metrics[0])
    tall = height(content, view)
    more = pager(content, view)
    wide = spread(workspace, view, content)
    return {
        "drawing": chart(content, view, theme_of(colors)),
        "drawn": key,
        "class_name": _class(facts, content),
        "style": {"--columns": columns_of(content, view), "--lines": most_lines(content)}
        | ({"height": f"{tall}px"} if tall else {}),
        "empty": content.empty,
        "caption": caption(facts, view, content),
        "reason": "" if content.empty else reason(facts, view),
        "notes": [html.Li(note) for note in [*_notes(view, content), *filter(None, [too_many])]],
        "spread": wide.sentence,
        "spread_key": wide.key,
        "group_by": f"Group by {wide.short}",
        "narrow": not wide.sentence,
        "offer": OFFERS.get(content.offer, ""),
        "no_offer": not content.offer,
        "unpaged": not more,
        "pager": more,
        "is_first": content.first == 0,
        "is_last": content.first + content.shown >= content.all,
        "complaint": _complaint(workspace, facts, view),
        "baselines": list(content.baselines or filter(None, [view.baseline])),
        "bad_line": bad_reference(view),
    }


def _notes(view: View, content: Drawing) -> list[str]:
    without_lines = [reference_lines.NOTE] if view.references and view.baseline else []
    right = [panel for panel in content.panels if panel.over is not None]
    names = dict.fromkeys(metric for panel in right for metric in panel.metrics)
    beside = [f"The axis at the right is of {', '.join(names)}."] if names else []
    return [*view.notes, *beside, *without_lines, *content.notes]


def bad_reference(view: View) -> str | None:
    """What is wrong with a reference line that somebody has typed."""
    for text in view.references:
        try:
            parse_reference(text)
        except QueryError as error:
            return str(error)
    return None


def _class(facts: Facts, content: Drawing) -> str:
    """The chart's: where no run will have a curve, the sentence leaves the room to the table."""
    if not content.empty:
        return ""
    return "empty" if facts.metrics or facts.result is None else "empty no-metrics"


def _complaint(workspace: Workspace, facts: Facts, view: View) -> str | None:
    """What is wrong with the filter."""
    try:
        shown_runs(workspace.index, facts, View(where=view.where))
    except QueryError as error:
        return str(error)
    return None


def click(workspace: Workspace, clicked: dict[str, Any] | None, data: dict[str, Any]) -> Any:
    """The runs of the clicked curve as the view's selection, or none where they were."""
    if not clicked:
        return no_update
    view = View.from_data(data)
    panels = drawing(workspace, view).panels
    panel, line = clicked["curve"]
    if panel >= len(panels) or line >= len(panels[panel].groups):
        return no_update
    names = [run.name for run in panels[panel].groups[line].runs]
    selected = [] if set(names) == set(view.selected) else names
    patch = Patch()
    patch["selected"] = selected
    return patch
