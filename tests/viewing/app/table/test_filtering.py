"""Funnels as parts of the filter: what each writes, which runs that leaves, and what it reads."""

from datetime import datetime

import pytest

from exptools.rundir import State
from exptools.viewing.app.facts import resolve, shown_runs
from exptools.viewing.app.table import filtering
from exptools.viewing.app.table.columns import columns
from exptools.viewing.app.table.filtering import filtered, funnels, models
from exptools.viewing.app.table.grid import funnel
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.errors import QueryError
from exptools.viewing.run_files.user_marks import UserMarks
from tests.viewing.samples import csv_text, indexed, write_run, write_summary

# fmt: off
CONFIGS = (
    {"optim": {"lr": 0.1}, "env": "Hopper", "flag": True, "mixed": 0.5, "size": [64, 64],
     "odd key's": "it's", "a/b": "50%", "and": 1, "name": "x", "big": 2**60},
    {"optim": {"lr": 0.01}, "env": "half_cheetah", "flag": False, "mixed": "auto", "size": [64],
     "odd key's": 'say "x"', "a/b": "a\\b", "and": 2, "name": "y", "big": 1},
    {"optim": {"lr": 1e-7}, "env": "halfxcheetah", "flag": True, "mixed": "0.5", "size": None,
     "odd key's": "ü = é", "a/b": "' and '", "and": 3, "name": "run x", "big": 2},
    {"optim": {"lr": -3}, "env": "Ant", "mixed": True, "size": [{"a": 1}], "and": 4},
)
# fmt: on
MIDNIGHT = datetime(2026, 11, 27).timestamp()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    root = tmp_path_factory.mktemp("filtering")
    states = (State.COMPLETED, State.FAILED, State.KILLED, None)
    for job, (config, state) in enumerate(zip(CONFIGS, states, strict=True)):
        steps = {"test/loss": [3.0 - job, job + 0.5]} if job < 3 else {}
        begun = MIDNIGHT + job * 40_000
        status = {"started": begun, "ended": begun + 60 * job, "host": f"node_{job}", "slot": job}
        run = write_run(
            root / "runs" / str(job),
            config,
            csv_text(steps) if steps else None,
            state,
            **(status | {"git": {"commit": f"{job}abcdef0123456789"}} if state else {}),
        )
        if job < 2:
            write_summary(run, result=job + 0.25, verdict=["good", "bad"][job])
    marks = UserMarks(root / "marks")
    workspace = Workspace(indexed(root / "runs"), marks)
    marks.set(workspace.run("1"), star=True, note="50% of it")
    return workspace


def one(kind, filter_type="text", **more):
    return {"filterType": filter_type, "type": kind, **more}


def number(kind, *values):
    return one(kind, "number", **dict(zip(("filter", "filterTo"), values, strict=False)))


def text(kind, value):
    return one(kind, filter=value)


def either(*conditions):
    kind = conditions[0]["filterType"]
    return {"filterType": kind, "operator": "OR", "conditions": list(conditions)}


def day(kind, first, days):
    """A model of days as the page sends it: from the first one's start to the last one's end."""
    return one(kind, "date", **{"from": MIDNIGHT + first * 86400, "to": MIDNIGHT + days * 86400})


LOSS = "value {} test/loss"
CASES = [
    ("config optim.lr", number("greaterThan", 0.05), "(optim.lr > 0.05)", "0"),
    ("config optim.lr", number("equals", 1e-7), "(optim.lr = 1e-07)", "2"),
    ("config optim.lr", number("inRange", -3, 0.01), "(optim.lr between -3 and 0.01)", "123"),
    (
        "config optim.lr",
        either(number("equals", 0.1), number("equals", -3)),
        "(optim.lr in (0.1, -3))",
        "03",
    ),
    (
        "config optim.lr",
        number("notEqual", 0.1),
        "(optim.lr != 0.1)",
        "123",
    ),
    (
        "config optim.lr",
        {
            "filterType": "number",
            "operator": "AND",
            "conditions": [number("greaterThan", 0), number("lessThanOrEqual", 0.01)],
        },
        "(optim.lr > 0 and optim.lr <= 0.01)",
        "12",
    ),
    ("config and", number("lessThan", 2), '("and" < 2)', "0"),
    ("config env", text("contains", "F_C"), r"(env ilike '%F\_C%' escape '\')", "1"),
    ("config env", text("startsWith", "half"), "(env ilike 'half%')", "12"),
    ("config env", text("notContains", "half"), "(not env ilike '%half%')", "03"),
    ("config env", text("equals", "Ant"), "(env = 'Ant')", "3"),
    ("config env", text("notEqual", "Ant"), "(env != 'Ant')", "012"),
    (
        "config env",
        either(text("equals", "Ant"), text("endsWith", "per")),
        "(env = 'Ant' or env ilike '%per')",
        "03",
    ),
    ("config flag", one("true"), "(flag = true)", "02"),
    ("config flag", one("blank"), "(flag is null)", "3"),
    ("config mixed", text("equals", "0.5"), "(mixed = 0.5)", "0"),
    ("config mixed", text("equals", '"0.5"'), "(mixed = '0.5')", "2"),
    ("config mixed", text("equals", "true"), "(mixed = true)", "3"),
    ("config mixed", text("contains", "0.5"), "(mixed ilike '%0.5%')", "02"),
    ("config mixed", text("equals", "auto"), "(mixed = 'auto')", "1"),
    ("config size", text("equals", "[64, 64]"), "(size = '[64, 64]')", "0"),
    ("config size", text("contains", "64"), "(size ilike '%64%')", "01"),
    ("config size", text("equals", "[{a: 1}]"), "(size = '[{a: 1}]')", "3"),
    ("config size", one("blank"), "(size is null)", "2"),
    ("config big", text("equals", str(2**60)), f"(big = {2**60})", "0"),
    ("config odd key's", text("equals", "it's"), "(\"odd key's\" = 'it''s')", "0"),
    ("config odd key's", text("contains", '"x"'), "(\"odd key's\" ilike '%\"x\"%')", "1"),
    ("config odd key's", text("equals", "ü = é"), "(\"odd key's\" = 'ü = é')", "2"),
    ("config a/b", text("endsWith", "0%"), "(\"a/b\" ilike '%0\\%' escape '\\')", "0"),
    ("config a/b", text("contains", "\\"), "(\"a/b\" ilike '%\\%')", "1"),
    ("config a/b", text("equals", "' and '"), "(\"a/b\" = ''' and ''')", "2"),
    ("config config.name", text("startsWith", "RUN"), "(config.name ilike 'RUN%')", "2"),
    ("run", text("equals", "3"), "(run.name = '3')", "3"),
    ("state", one("failed"), "(state = 'failed')", "1"),
    ("state", one("no status"), "(state is null)", "3"),
    (
        "state",
        either(one("finished"), one("killed")),
        "(state in ('completed', 'killed'))",
        "02",
    ),
    ("summary result", number("greaterThan", 1), "(summary.result > 1)", "1"),
    ("summary verdict", text("equals", "good"), "(summary.verdict = 'good')", "0"),
    (LOSS.format("last"), number("lessThan", 1), '(last("test/loss") < 1)', "0"),
    (LOSS.format("min"), one("blank", "number"), '(min("test/loss") is null)', "3"),
    (LOSS.format("mean:10"), number("greaterThan", 1.5), '(mean("test/loss", 10) > 1.5)', "012"),
    (LOSS.format("at:0.5"), number("equals", 1.75), '(at("test/loss", 0.5) = 1.75)', "012"),
    ("step", number("greaterThanOrEqual", 1), "(max(step) >= 1)", "012"),
    ("duration", number("greaterThan", 59.5), "(run.duration > 59.5)", "12"),
    ("host", text("equals", "node_2"), "(run.host = 'node_2')", "2"),
    ("slot", number("lessThan", 2), "(run.slot < 2)", "01"),
    ("commit", text("startsWith", "1ABC"), "(run.commit ilike '1ABC%')", "1"),
    (
        "started",
        day("equals", 0, 1),
        "(run.started >= '2026-11-27' and run.started < '2026-11-28')",
        "012",
    ),
    ("started", one("lessThan", "date", **{"from": MIDNIGHT + 40_000, "to": MIDNIGHT + 40_000}),
     "(run.started < '2026-11-27 11:06:40')", "0"),
    ("star", one("starred"), "(run.star = true)", "1"),
    ("star", one("not starred"), "(run.star = false)", "023"),
    ("note", text("contains", "50%"), r"(run.note ilike '%50\%%' escape '\')", "1"),
    ("note", one("notBlank"), "(run.note is not null)", "1"),
]  # fmt: skip


def view_of(workspace, **chosen):
    summaries = ("last", "min", "mean:10", "at:0.5")
    return resolve(View(metrics=("test/loss",), summaries=summaries, **chosen), workspace.facts())


@pytest.mark.parametrize(("column", "model", "part", "names"), CASES)
def test_a_funnel_is_a_part_of_the_filter_and_comes_back_from_it(
    workspace, column, model, part, names
):
    facts, view = workspace.facts(), view_of(workspace)
    there = funnels(facts, view)
    where = filtered("not run.name is null", there, {column: model})
    assert where == f"not run.name is null and {part}"
    assert models(where, there) == {column: model}
    chosen = shown_runs(workspace.index, facts, View(where=part))
    assert "".join(run.name for run in chosen) == names
    assert filtered(where, there, {column: None}) == "not run.name is null"


LR, STATE = number("greaterThan", 0.01), one("failed")


@pytest.mark.parametrize(
    ("before", "with_both"),
    [
        ("", "(optim.lr > 0.01) and (state = 'failed')"),
        (
            "lr  >  0 AND seed=1 ",
            "lr  >  0 AND seed=1 and (optim.lr > 0.01) and (state = 'failed')",
        ),
        ("lr > 0 and ", "lr > 0 and (optim.lr > 0.01) and (state = 'failed')"),
        ("a = 1 or b = 2", "(a = 1 or b = 2) and (optim.lr > 0.01) and (state = 'failed')"),
        (
            "lr between 1 and 2 and x = ' or '",
            "lr between 1 and 2 and x = ' or ' and (optim.lr > 0.01) and (state = 'failed')",
        ),
        # what a hand has written in another form is not the funnel's, though it says the same
        ("lr > 0.01", "lr > 0.01 and (optim.lr > 0.01) and (state = 'failed')"),
        (
            "(state = 'killed') and not lr = 1",  # in this form it is
            "(state = 'failed') and not lr = 1 and (optim.lr > 0.01)",
        ),
        ("lr > and > (", None),
        ("name = 'x", None),
        ("lr > 0 -- as agreed", None),
    ],
)
def test_what_was_typed_stays_as_it_is_whatever_the_funnels_do(workspace, before, with_both):
    there = funnels(workspace.facts(), view_of(workspace))
    if with_both is None:
        with pytest.raises(QueryError, match="is left open in the filter"):
            filtered(before, there, {"config optim.lr": LR})
        return
    both = filtered(before, there, {"config optim.lr": LR, "state": STATE})
    assert both == with_both
    assert models(both, there) == {"config optim.lr": LR, "state": STATE}
    other = filtered(both, there, {"config optim.lr": number("equals", 3)})
    assert other == with_both.replace("optim.lr > 0.01)", "optim.lr = 3)")
    assert filtered(other, there, {"config optim.lr": None, "state": None}) in (
        *(before.strip(), f"({before})"),
        *(before.strip().removesuffix(" and"), "not lr = 1"),
    )


def test_a_funnel_is_read_also_while_the_rest_is_still_being_typed(workspace):
    there = funnels(workspace.facts(), view_of(workspace))
    assert models("(state = 'failed') and name = 'x", there) == {"state": STATE}
    assert models("(state = 'failed') or name = 'x'", there) == {}  # it rules nothing by itself


def test_what_no_page_of_ours_sends_changes_nothing(workspace):
    there = funnels(workspace.facts(), view_of(workspace))
    nonsense = [
        {"type": "equals", "filter": "0 or true"},
        {"type": "greaterThan", "filter": True},
        {"type": "drop table", "filter": 1},
        {"operator": "XOR", "conditions": [LR]},
        {"operator": "OR", "conditions": [LR] * 1000},
        {"filter": float("nan"), "type": "equals"},
        {"conditions": 3},
    ]
    for kind in ("equals", "notEqual", "contains"):
        for column in ("run", "config env"):
            assert filtered("", there, {column: {"type": kind, "filter": 5}}) == ""
    for model in nonsense:
        assert filtered("lr > 1", there, {"config optim.lr": model}) == "lr > 1"
    assert filtered("lr > 1", there, {"no such column": LR}) == "lr > 1"
    dates = {"type": "equals", "from": 1e300, "to": "x"}
    assert filtered("lr > 1", there, {"started": dates}) == "lr > 1"


def test_the_page_is_told_the_filter_and_why_a_funnel_cannot_write_into_it(workspace):
    data = view_of(workspace).to_data()
    sent = {"models": {"state": STATE}, "text": "lr > 0"}
    assert funnel(workspace, sent, data)[0] == sent | {"where": "lr > 0 and (state = 'failed')"}
    open_ = sent | {"text": "name = 'x"}
    answer, why = funnel(workspace, open_, data)
    assert answer == open_ | {"where": "name = 'x"}
    assert why.startswith("A quote, a bracket or a comment is left open in the filter")


def test_in_a_table_of_groups_only_the_keys_have_funnels(workspace):
    view = view_of(workspace, rows="groups", by=("env", "run.name"))
    there = funnels(workspace.facts(), view)
    assert [*there] == ["config env", "config run.name"]
    kinds = {c["colId"]: c["filter"] for c in columns(workspace.facts(), view, {})}
    assert [name for name, kind in kinds.items() if kind] == [*there]
    where = filtered("", there, {"config run.name": text("equals", "2")})
    assert [
        run.name for run in shown_runs(workspace.index, workspace.facts(), View(where=where))
    ] == ["2"]
    run_parts = "(state = 'failed') and (run.name = '2')"  # of columns that are not there: stay
    assert filtered(run_parts, there, {"config run.name": None}) == "(state = 'failed')"


def test_values_are_counted_before_they_are_looked_for_and_shown_once(tmp_path, monkeypatch):
    for job in range(3):
        write_run(tmp_path / str(job), {"l": [job] * 9})
    workspace = Workspace(indexed(tmp_path))
    shown = []
    real = filtering.cell
    monkeypatch.setattr(filtering, "cell", lambda *args: shown.append(args) or real(*args))
    there = funnels(workspace.facts(), view_of(workspace))
    listed = [f"'[{n}]'" for n in range(1000)]
    models(f"(l in ({', '.join(listed)}))", there)
    assert shown == []
    models(f"(l in ({', '.join(listed[:16])})) and (l = {' or l = '.join(listed)})", there)
    assert len(shown) == 3


@pytest.mark.parametrize("at", ["inf", "1e999", "nan"])
def test_a_link_asks_for_no_value_at_a_place_that_is_none(at):
    view = View.from_query(f"summaries=at:{at}")
    assert view.summaries == ("last",)
    assert "in the URL is ignored" in view.notes[0]
