"""The table's rows and columns, the user's marks in them, and what a page is sent of them."""

import json
import shutil

import dash
import pytest

from exptools.rundir import PROGRESS_CSV, State
from exptools.viewing.app.compare.tab import draw
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.table.columns import columns
from exptools.viewing.app.table.grid import HINT, hint, keep_notes, update_table
from exptools.viewing.app.table.rows import MAX_COLUMNS, MAX_VALUES, Tables, table_rows
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.run_files.user_marks import Mark, UserMarks
from tests.viewing.samples import csv_text, indexed, write_run, write_summary, write_sweep

NOTHING = {"key": None, "columns": [], "where": None}  # what a page has at first


@pytest.fixture
def sweep(tmp_path):
    return Workspace(indexed(write_sweep(tmp_path / "outputs")))


def rows(workspace, **chosen) -> list[dict]:
    return table_rows(workspace, resolve(View(**chosen), workspace.facts()))


def titles(workspace, marks=None, **chosen) -> list[str]:
    view = resolve(View(**chosen), workspace.facts())
    found = columns(workspace.facts(), view, marks or {})
    return [column["headerName"] for column in found if not column["hide"]]


def update(workspace, marks, tables=None, had=None, columns=(), showing="", **chosen):
    """What a page is sent that had a table of this key, these columns, and a filter's rows."""
    return update_table(
        *(workspace, marks, tables or Tables()),
        **{"version": 0, "changed_marks": None},
        had={"key": had, "columns": list(columns), "where": showing},
        data=resolve(View(**chosen), workspace.facts()).to_data(),
    )


def test_the_table_has_what_differs_the_seed_last_and_the_last_value(sweep):
    assert titles(sweep) == [
        *("★", "Run", "State", "lr", "seed", "Last test/accuracy", "Last step")
    ]
    row = rows(sweep, metrics=("train/loss",))[1]
    assert (row["id"], row["state"], row["config optim.lr"], row["config seed"]) == (
        *("1", "finished", 0.001),
        1,
    )
    assert row["step"] == 29
    assert row["value last train/loss"] == pytest.approx(2 / 1.29 + 0.02)


def test_what_was_said_of_the_runs_has_columns_too(tmp_path):
    for seed, said in enumerate([{"best": 0.5, "note": "x"}, {"best": 1.5}, {}]):
        run = write_run(tmp_path / str(seed), {"seed": seed, "a": 1}, {"loss": [1.0]})
        write_summary(run, **said)
    workspace = Workspace(indexed(tmp_path))
    assert titles(workspace)[3:7] == ["seed", "best", "note", "Last loss"]
    assert [row["summary best"] for row in rows(workspace)] == [0.5, 1.5, None]
    assert [row["summary note"] for row in rows(workspace)] == ["x", None, None]
    (group,) = rows(workspace, rows="groups", by=())
    assert (group["summary best"], group["summary note"]) == (1.0, None)
    assert group["spread summary best"] == pytest.approx(0.5**0.5)
    assert "best" in titles(workspace, rows="groups", by=())


def test_a_star_may_be_turned_before_the_table_was_ever_asked_for(sweep):
    empty = {"version": 0, "changed_marks": "now", "had": NOTHING}
    assert update_table(sweep, UserMarks(), Tables(), data=None, **empty)["columns"]


def test_on_a_phone_only_the_names_stay_where_they_are(sweep):
    view = resolve(View(), sweep.facts())
    data = view.to_data() | {"narrow": True}
    state = {"version": 0, "changed_marks": None, "had": NOTHING}
    answer = update_table(sweep, UserMarks(), Tables(), data=data, **state)
    pinned = [column["colId"] for column in answer["columns"] if column.get("pinned")]
    assert pinned == ["run"]


def test_each_chosen_summary_of_each_metric_is_a_column(sweep):
    chosen = {"metrics": ("train/loss", "test/accuracy"), "summaries": ("min", "mean:10")}
    assert titles(sweep, **chosen)[5:9] == [
        *("Min train/loss", "Mean of last 10 train/loss"),
        *("Min test/accuracy", "Mean of last 10 test/accuracy"),
    ]
    row = rows(sweep, **chosen)[0]
    assert row["value min train/loss"] < row["value mean:10 train/loss"]


def test_the_best_of_a_metric_is_its_lowest_or_highest_as_its_name_tells(sweep):
    best = {"metrics": ("train/loss", "test/accuracy"), "summaries": ("best",)}
    assert titles(sweep, **best)[5:7] == ["Best train/loss", "Best test/accuracy"]
    row = rows(sweep, **best)[0]
    extremes = rows(sweep, **best | {"summaries": ("min", "max")})[0]
    assert row["value best train/loss"] == extremes["value min train/loss"]
    assert row["value best test/accuracy"] == extremes["value max test/accuracy"]


def test_of_a_metric_that_nobody_calls_good_or_bad_there_is_no_best(tmp_path):
    write_run(tmp_path / "0", {}, {"x": [1.0, 2.0]})
    workspace = Workspace(indexed(tmp_path))
    assert "Best x" not in titles(workspace, metrics=("x",), summaries=("best", "last"))


def test_what_tells_the_jobs_apart_is_shown_and_what_does_not_is_hidden(tmp_path):
    for job, host in enumerate(("a", "b")):
        at = {"host": host, "started": 100.0, "ended": 165.0, "slot": job, "git": {"commit": "c0"}}
        write_run(tmp_path / str(job), {"lr": job}, **at)
    workspace = Workspace(indexed(tmp_path))
    assert {"Host", "Started", "Duration"} <= {*titles(workspace)}
    assert not {"Element", "Slot", "Commit", "Note"} & {*titles(workspace)}
    assert "Commit" in titles(workspace, columns=("+commit",))
    assert "Host" not in titles(workspace, columns=("-host",))
    assert "Note" in titles(workspace, {"0": Mark(note="good")})
    row = rows(workspace)[1]
    assert (row["duration"], row["host"], row["slot"], row["commit"]) == (65, "b", 1, "c0")


def test_on_a_cluster_the_table_says_in_which_element_a_job_runs_and_filters_by_it(tmp_path):
    for job in range(2):
        at = {"host": "n1", "element": f"123_{job}", "started": 100.0}
        write_run(tmp_path / str(job), {"lr": job}, state=State.RUNNING, **at)
    workspace = Workspace(indexed(tmp_path))
    assert "Element" in titles(workspace)
    assert [row["element"] for row in rows(workspace)] == ["123_0", "123_1"]
    assert [row["id"] for row in rows(workspace, where="element = '123_1'")] == ["1"]


def test_groups_have_a_row_with_the_mean_and_the_deviation_of_their_runs(tmp_path):
    for job, acc in enumerate((1.0, 3.0, 7.0)):
        state = State.FAILED if job == 1 else State.COMPLETED
        config = {"lr": 0.1 if job < 2 else 0.2, "seed": job}
        write_run(tmp_path / str(job), config, csv_text({"acc": [acc]}), state)
    first, second = rows(Workspace(indexed(tmp_path)), rows="groups", by=("lr",))
    assert (first["id"], first["members"], first["runs"]) == ("0.1", ["0", "1"], 2)
    assert first["states"] == "1 finished, 1 failed"
    assert (first["value last acc"], first["spread value last acc"]) == (2, pytest.approx(2**0.5))
    assert (second["value last acc"], second["spread value last acc"]) == (7, None)


def test_cells_that_a_browser_would_get_wrong_are_texts(tmp_path):
    values = [True, "0.5", 2**60, float("inf"), None, [1, 2], 3]
    for job, value in enumerate(values):
        write_run(tmp_path / str(job), {"x": value}, csv_text({"acc": [float("nan")]}))
    write_run(tmp_path / "9", {})
    found = rows(Workspace(indexed(tmp_path)), metrics=("acc",))
    assert [row["config x"] for row in found] == [
        *("true", '"0.5"', str(2**60), "inf", "null", "[1, 2]", 3, None)
    ]
    assert [row["value last acc"] for row in found] == ["nan"] * 7 + [None]


def test_a_text_that_looks_like_a_number_has_quotes_only_beside_numbers(tmp_path):
    for job, (alone, beside) in enumerate([("0.5", "0.5"), ("true", 3), ("", "x")]):
        write_run(tmp_path / str(job), {"alone": alone, "beside": beside})
    found = rows(workspace := Workspace(indexed(tmp_path)))
    assert [row["config alone"] for row in found] == ["0.5", "true", '""']
    assert [row["config beside"] for row in found] == ['"0.5"', 3, "x"]
    grouped = rows(workspace, rows="groups", by=("alone",))
    assert [row["id"] for row in grouped] == ["0.5", '""', "true"]


def test_thousands_of_keys_of_one_run_and_endless_texts_do_not_fill_the_page(tmp_path):
    write_run(tmp_path / "0", {f"key{n}": n for n in range(3000)} | {"long": "x" * 100_000})
    write_run(tmp_path / "1", {}, state=State.FAILED, error="y" * 100_000)
    workspace = Workspace(indexed(tmp_path))
    assert len(columns(workspace.facts(), View(), {})) == MAX_COLUMNS + 12
    assert hint(0, 0, 2, len(workspace.facts().keys)) == (
        f"{HINT} Of 3001 keys that differ, the first 50 have a column."
    )
    assert len(json.dumps(rows(workspace))) < 10_000


def test_a_page_is_sent_the_rows_that_it_does_not_have(tmp_path, sweep):
    tables, marks = Tables(), UserMarks(tmp_path / "marks")
    first = update(sweep, marks, tables)
    assert first["rows"]["base"] is None
    assert len(first["rows"]["columns"]["id"]) == 9
    again = update(sweep, marks, tables, first["key"], first["columns"])
    assert again["rows"] is dash.no_update
    assert again["columns"] is dash.no_update
    root = sweep.index.roots[0]
    with (root / "4" / PROGRESS_CSV).open("a") as file:
        file.write("30,1.0,1.5,0.5\n")
    shutil.rmtree(root / "8")
    sweep.index.refresh()
    changes = update(sweep, marks, tables, first["key"])["rows"]
    assert (changes["base"], changes["columns"]["id"]) == (first["key"], ["4"])
    assert changes["gone"] == ["8"]
    forgotten = update(sweep, marks, tables, "a table that no server of today has sent")["rows"]
    assert forgotten["base"] is None


def test_a_filter_that_cannot_be_read_leaves_the_rows_of_the_last_that_could(tmp_path, sweep):
    marks = UserMarks(tmp_path / "marks")
    good = update(sweep, marks, where="seed = 0")
    assert (good["shown"], good["rows"]["columns"]["id"]) == ("seed = 0", ["0", "3", "6"])
    typing = {"had": good["key"], "columns": good["columns"], "showing": good["shown"]}
    bad = update(sweep, marks, **typing, where="(seed = 1) and lr > '")
    assert (bad["rows"], bad["shown"], bad["key"]) == (dash.no_update, "seed = 0", good["key"])
    assert [*bad["funnels"]["models"]] == ["config seed"]  # its funnel says what the box does
    assert len(update(sweep, marks, where="lr > '")["rows"]["columns"]["id"]) == 9


def test_rows_that_come_back_to_the_table_are_the_ones_that_were_there(tmp_path, sweep):
    tables, marks = Tables(), UserMarks(tmp_path / "marks")
    every = update(sweep, marks, tables)
    few = update(sweep, marks, tables, every["key"], every["columns"], where="seed = 0")
    assert (len(few["rows"]["gone"]), few["rows"]["columns"]) == (6, {})
    again = update(sweep, marks, tables, few["key"], every["columns"])
    assert again["rows"]["columns"]["order"] == [1, 2, 4, 5, 7, 8]


def test_runs_that_are_ticked_and_that_the_filter_hides_are_counted(tmp_path, sweep):
    marks = UserMarks(tmp_path / "marks")
    said = update(sweep, marks, where="seed = 0", selected=("0", "1", "gone"))
    assert said["hint"] == "1 of 9 runs drawn. The filter hides 1 that is ticked."
    said = update(sweep, marks, where="seed = 0", selected=("1", "2"))
    assert said["hint"] == "The filter hides all ticked runs, so all others are drawn."
    assert not said["all_drawn"]


def test_a_note_that_cannot_be_kept_is_said(tmp_path, sweep):
    (tmp_path / "file").touch()
    marks = UserMarks(tmp_path / "file" / "marks")
    stamp, sentence = keep_notes(sweep, marks, [{"colId": "note", "rowId": "3", "value": "good"}])
    assert stamp is dash.no_update
    assert "cannot be written" in sentence


def test_a_table_that_nobody_sees_is_not_computed(sweep):
    assert update(sweep, UserMarks(), tab="run") is dash.no_update


def test_keys_that_are_called_like_what_runs_have_themselves_are_told_apart_from_it(tmp_path):
    for job in range(4):
        config = {"name": f"model {job // 2}", "state": job % 2, "sweep": job}
        write_run(tmp_path / "outputs" / str(job), config, csv_text({"acc": [job]}))
    workspace = Workspace(indexed(tmp_path / "outputs"))
    assert titles(workspace)[3:6] == ["config.name", "config.state", "config.sweep"]
    assert [row["config config.name"] for row in rows(workspace)] == [
        *("model 0", "model 0", "model 1", "model 1")
    ]
    assert workspace.facts().by[0].startswith("config.")


def test_a_link_that_asks_for_thousands_of_results_has_the_first_ones_and_is_told(tmp_path):
    names = [f"m{at}" for at in range(30)]
    write_run(tmp_path / "0", {"a": 1}, {name: [1.0] for name in names})
    workspace = Workspace(indexed(tmp_path))
    asked = {"metrics": tuple(names), "summaries": tuple(f"mean:{k}" for k in range(1, 21))}
    for rows_of in ("runs", "groups"):
        (row,) = rows(workspace, **asked, rows=rows_of, by=())
        assert sum(field.startswith("value ") for field in row) == MAX_VALUES
    assert sum(title.startswith("Mean") for title in titles(workspace, **asked)) == MAX_VALUES
    assert said(workspace, **asked) == [
        "The table has 200 of 600 columns of results: "
        "choose fewer metrics, or fewer results of each."
    ]
    assert said(workspace, metrics=tuple(names), summaries=("best", "last", "min")) == []


def said(workspace, **chosen) -> list[str]:
    """What stands of the table below the chart."""
    data = resolve(View(**chosen), workspace.facts()).to_data()
    notes = draw(workspace, version=0, data=data, colors=None, drawn=None)["notes"]
    return [note.children for note in notes if note.children.startswith("The table")]
