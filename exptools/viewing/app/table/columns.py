"""The table's columns: which there are, which are shown, and how a value is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from exptools.viewing.app.facts import Facts
from exptools.viewing.app.states import STATE_WORDS, state_class
from exptools.viewing.app.table.arrangement import arranged
from exptools.viewing.app.table.differences import difference_fields
from exptools.viewing.app.table.filtering import filter_of, funnels
from exptools.viewing.app.table.rows import summaries_of, table_keys, values_of
from exptools.viewing.app.view import View
from exptools.viewing.app.widgets import SUMMARIES
from exptools.viewing.figures.names import telling
from exptools.viewing.groups.variation import is_seed
from exptools.viewing.run import Run
from exptools.viewing.run_files.group_names import MAX_LABEL
from exptools.viewing.run_files.user_marks import MAX_NOTE, MAX_TAG, MAX_TAGS, Mark

OR_DASH = "params.value == null ? '—' : "
NUMBER = "short(params.value)"
NARROWEST, NARROW, WIDEST = 150, 140, 340  # px, of the runs' names; NARROW on a phone
SPREAD = 150  # px, of a mean with its deviation, and of how many runs are in which state
BESIDE_NAME, LETTER = 58, 8  # px, of a name's cell and of a letter

Column = dict[str, Any]
Marks = Mapping[str, Mark]  # by run name


def columns(facts: Facts, view: View, marks: Marks, *, narrow: bool = False) -> list[Column]:
    """The columns for a view, those hidden that say nothing or were hidden by hand."""
    return arranged(in_usual_order(facts, view, marks, narrow=narrow), view)


def in_usual_order(facts: Facts, view: View, marks: Marks, *, narrow: bool = False) -> list[Column]:
    """The columns as they stand while nobody moves, pins or resizes one; ``narrow`` on a phone."""
    every = _group_columns(facts, view) if view.rows == "groups" else _run_columns(facts, view)
    there = funnels(facts, view)
    for column in every:
        column.update(filter_of(there.get(column["colId"])))
    order = {name.lstrip("-"): at for at, name in enumerate(view.sort)}
    shown = _visible(usual(facts, marks, every), view)
    for column in every:
        name = column["colId"]
        column["hide"] = name not in shown
        if name in order:
            column["sort"] = "desc" if f"-{name}" in view.sort else "asc"
            column["sortIndex"] = order[name]
        else:
            column["sort"] = None
    if narrow:
        _keep_narrow(every)
    return every


def _keep_narrow(every: Sequence[Column]) -> None:
    """On a phone only the names stay where they are, and leave room for what is beside them."""
    for column in every:
        if column["colId"] == "star":
            column["pinned"] = None
        elif column["colId"] == "run":
            column["width"] = min(NARROW, column["width"])


def usual(facts: Facts, marks: Marks, every: Sequence[Column]) -> set[str]:
    """The columns that are shown while nobody says otherwise."""
    return {column["colId"] for column in every} - set(_quiet(facts.runs, marks))


def _visible(usually: set[str], view: View) -> set[str]:
    shown = usually | {name[1:] for name in view.columns if name.startswith("+")}
    return (shown - {name[1:] for name in view.columns if name.startswith("-")}) | {"run"}


def _quiet(runs: Sequence[Run], marks: Marks) -> list[str]:
    """Columns that say the same of all runs, or little."""
    statuses = [run.status for run in runs if run.status]
    hosts = {status.host for status in statuses}
    commits = {str((status.git or {}).get("commit")) for status in statuses}
    quiet = ["slot"]
    quiet += ["host"] if len(hosts) < 2 else []
    quiet += ["element"] if not any(status.element for status in statuses) else []
    quiet += ["commit"] if len(commits) < 2 else []
    quiet += ["duration", "started"] if not any(s.started for s in statuses) else []
    quiet += ["tags"] if not any(mark.tags for mark in marks.values()) else []
    quiet += ["note"] if not any(mark.note for mark in marks.values()) else []
    return quiet


def _run_columns(facts: Facts, view: View) -> list[Column]:
    state = {
        "colId": "state",
        "field": "state",
        "headerName": "State",
        "minWidth": 116,  # for "no status"
        "tooltipField": "error",
        "cellClassRules": {
            f"state {state_class(word)}": f"params.value == '{word}'"
            for word in STATE_WORDS.values()
        },
    }
    keys = table_keys(facts)
    config = [_config(facts, key) for key in keys]
    step = _column("step", "Last step", "the greatest step", NUMBER)
    return [
        _star(),
        _name("Run", _name_width([run.name for run in facts.runs])),
        state,
        *config,
        *_summaries(facts),
        *_values(view),
        *_differences(facts, view),
        step,
        _column("duration", "Duration", "how long the job ran", "duration(params.value)"),
        _column("started", "Started", "when the job began", "time(params.value)")
        | {"minWidth": 126},
        _column("host", "Host", "the machine", "params.value"),
        _column("element", "Element", "the allocation on a cluster", "params.value"),
        _column("slot", "Slot", "the launcher's slot", "params.value"),
        _column("commit", "Commit", "of the code's git repository", "params.value"),
        _yours("tags", "Tags", MAX_TAG * MAX_TAGS),
        _yours("note", "Note", MAX_NOTE),
    ]


def _star() -> Column:
    return {
        "colId": "star",
        "field": "star",
        "headerName": "★",
        "headerTooltip": "your star: a click turns it, and so does the key s",
        "valueFormatter": {"function": "params.value ? '★' : '☆'"},
        "cellClassRules": {"starred": "params.value"},
        "cellClass": "star",
        "width": 64,
        "minWidth": 64,
        "flex": None,
        "pinned": "left",
        "resizable": False,
        "sortingOrder": ["desc", "asc", None],
    }


def _yours(field: str, title: str, longest: int) -> Column:
    editor = {"cellEditor": "agTextCellEditor", "cellEditorParams": {"maxLength": longest}}
    return _column(field, title, "yours: a double click writes it", "params.value") | {
        "valueFormatter": {"function": "params.value"},
        "tooltipField": field,
        "cellClass": "yours",
        "editable": True,
        "minWidth": 160,
        **editor,
    }


def _color() -> Column:
    return _column("color", "Own colour", "yours: a double click chooses it", "") | {
        "valueFormatter": {"function": "params.value"},
        "cellStyle": {"function": "params.value ? {'--swatch': params.value} : {}"},
        "cellClass": "own-color yours",
        "cellEditor": {"function": "ColorEditor"},
        "editable": True,
        "minWidth": 110,
    }


def _differences(facts: Facts, view: View) -> list[Column]:
    """What runs or groups have more than the baseline."""
    names = {field: (m, s) for field, m, s in values_of(view)}
    share = " in % of the baseline" if view.difference == "percent" else ""
    of_groups = view.rows == "groups"
    interval = "; of a group the mean with its 95 % interval" if of_groups else ""
    columns = []
    for field, of in difference_fields(view):
        metric, summary = names[of]
        title = f"Δ {SUMMARIES.get(summary, summary)} {metric}{' %' if share else ''}"
        tooltip = f"difference to {view.baseline}{share}{interval}"
        column = _column(field, title, tooltip, "difference(params)") | {
            "minWidth": 190 if of_groups else 130
        }
        column["valueFormatter"] = {"function": "difference(params)"}
        columns.append(column)
    return columns


def _group_columns(facts: Facts, view: View) -> list[Column]:
    keys = [_config(facts, key) for key in view.by or ()]
    values = _values(view)
    values[:0] = _summaries(facts)
    for column in values:
        column["valueFormatter"] = {"function": "spread(params)"}
        column["minWidth"] = SPREAD
    return [
        _name("Group", WIDEST),
        _yours("label", "Own name", MAX_LABEL) | {"minWidth": 110},
        _color(),
        _column("runs", "Runs", "how many runs", "params.value"),
        _column("states", "States", "of its runs", "params.value") | {"minWidth": SPREAD},
        *(keys if len(keys) > 1 else []),
        *values,
        *_differences(facts, view),
        _column("duration", "Mean duration", "of its jobs", "duration(params.value)"),
    ]


def _name_width(names: Sequence[str]) -> int:
    """So many px that most runs can be told apart, and the other columns have their room."""
    longest = max(map(len, telling(names).values()), default=0)
    return min(max(NARROWEST, BESIDE_NAME + LETTER * longest), WIDEST)


def _name(title: str, width: int) -> Column:
    return {
        "colId": "run",
        "field": "order",  # the runs' natural order, in which 10 comes after 9
        "headerName": title,
        "valueFormatter": {"function": "name(params)"},
        "tooltipField": "id",
        "cellStyle": {"function": "swatch(params.data)"},
        "cellClass": "swatch",
        "minWidth": 100,
        "width": width,
        "flex": None,
        "pinned": "left",
        "lockVisible": True,
    }


def _summaries(facts: Facts) -> list[Column]:
    tooltip = "of the run's summary: what the program said of it, or returned"
    columns = []
    for field, name in summaries_of(facts):
        columns.append(_column(field, name, tooltip, NUMBER) | {"minWidth": 110})
    return columns


def _values(view: View) -> list[Column]:
    return [
        _column(field, f"{SUMMARIES.get(s, s).capitalize()} {metric}", f"{s} of {metric}", NUMBER)
        | {"minWidth": 130}
        for field, metric, s in values_of(view)
    ]


def _config(facts: Facts, key: str) -> Column:
    shown = "params.value" if key == facts.seed or is_seed(key) else NUMBER
    return _column(f"config {key}", facts.names.get(key, key), key, shown)


def _column(field: str, title: str, tooltip: str, formatted: str) -> Column:
    return {
        "colId": field,
        "field": field,
        "headerName": title,
        "headerTooltip": tooltip,
        "valueFormatter": {"function": f"{OR_DASH}({formatted})"},
        "tooltipValueGetter": {"function": "exact(params)"},
        "cellClass": "number",
        "headerClass": "number",
    }
