"""The app without a browser: what the page holds, what callbacks answer, who may ask."""

import json
import shutil
import socket

import dash
import pytest

from exptools.rundir import PROGRESS_CSV, STATUS_FILE, SWEEP_FILE, State, write_atomic
from exptools.viewing.app import create_app, table, view
from exptools.viewing.app.callbacks import draw, look, update_controls, update_table
from exptools.viewing.app.layout import EACH_RUN, faults, group_options
from exptools.viewing.figures import DARK, LIGHT
from tests.viewing.samples import csv_text, indexed, write_run, write_sweep


@pytest.fixture
def sweep(tmp_path):
    return indexed(write_sweep(tmp_path / "outputs"))


def legend(figure: dict) -> list[str]:
    return [trace["name"] for trace in figure["data"] if trace["showlegend"]]


def cells(index, metric: str | None) -> list[dict]:
    return view.table_rows(index, index.snapshot.runs, metric)


def test_metric_and_group_are_chosen_at_first_sight(sweep):
    choices = view.choices(sweep, sweep.snapshot.runs)
    assert (choices.metric, choices.key) == ("test/accuracy", "optim.lr")
    assert choices.metrics == ("test/accuracy", "train/loss")
    assert [option["label"] for option in group_options(choices)][:2] == ["lr", "seed"]


def test_the_table_has_what_differs_the_seed_last_and_the_last_value(sweep):
    columns = table.columns(sweep.snapshot.runs, "test/accuracy")
    assert [column["headerName"] for column in columns] == [
        *("Run", "State", "lr", "seed", "Last step", "Last test/accuracy")
    ]
    row = cells(sweep, "train/loss")[1]
    assert (row["id"], row["state"], row["config optim.lr"], row["config seed"]) == (
        *("1", "finished", 0.001),
        1,
    )
    assert row["step"] == 29
    assert row["value"] == pytest.approx(2 / 1.29 + 0.02)


def test_cells_that_a_browser_would_get_wrong_are_texts(tmp_path):
    values = [True, "0.5", 2**60, float("inf"), None, [1, 2], 3]
    for job, value in enumerate(values):
        write_run(tmp_path / str(job), {"x": value}, csv_text({"acc": [float("nan")]}))
    write_run(tmp_path / "9", {})
    rows = cells(indexed(tmp_path), "acc")
    assert [row["config x"] for row in rows] == [
        *("true", '"0.5"', str(2**60), "inf", "null", "[1, 2]", 3, None)
    ]
    assert [row["value"] for row in rows] == ["nan"] * 7 + [None]


def test_thousands_of_keys_of_one_run_and_endless_texts_do_not_fill_the_page(tmp_path):
    write_run(tmp_path / "0", {f"key{n}": n for n in range(3000)} | {"long": "x" * 100_000})
    write_run(tmp_path / "1", {}, state=State.FAILED, error="y" * 100_000)
    index = indexed(tmp_path)
    assert len(table.columns(index.snapshot.runs, None)) == view.MAX_COLUMNS + 3
    *_, hint = draw(index, 0, None, EACH_RUN, [], None)
    assert hint == f"{table.HINT} Of 3001 keys that differ, the first 50 have a column."
    assert len(json.dumps(cells(index, None))) < 10_000
    client = create_app(index).server.test_client()
    assert len(client.get("/_dash-layout", base_url="http://localhost:8050").data) < 400_000


@pytest.mark.parametrize("status", [{"pid": "12"}, {"error": ["a"]}, {"pid": 10**30}])
def test_a_status_that_nobody_could_mean_leaves_the_page_alive(sweep, tmp_path, status):
    record = {"state": "running", "host": socket.gethostname()} | status
    write_atomic(tmp_path / "outputs" / "bad" / STATUS_FILE, json.dumps(record).encode())
    client = create_app(sweep).server.test_client()
    layout = client.get("/_dash-layout", base_url="http://localhost:8050")
    assert layout.status_code == 200
    assert f"{next(iter(status))} is" in layout.text
    assert len(sweep.snapshot.runs) == 10


def test_the_chart_has_a_line_a_group_and_says_how_to_read_it(sweep):
    figure, css, empty, caption, hint = draw(sweep, 0, "test/accuracy", "key:optim.lr", [], "light")
    assert legend(figure) == ["0.01", "0.1", "0.001"]
    assert (css, empty, hint) == ("", None, table.HINT)
    assert caption == (
        "Each line is the mean of 3 runs with the same lr; the band is ± one standard deviation."
    )


def test_selected_runs_alone_are_drawn_and_one_that_is_gone_is_not_waited_for(sweep):
    figure, *_, hint = draw(sweep, 0, "test/accuracy", EACH_RUN, [{"id": "3"}, {"id": "5"}], None)
    assert sorted(legend(figure)) == ["3", "5"]
    assert hint.startswith("2 of 9 runs drawn")
    figure, *_ = draw(sweep, 0, "test/accuracy", EACH_RUN, [{"id": "gone"}], None)
    assert len(legend(figure)) == 9


@pytest.mark.parametrize("group", [EACH_RUN, "key:lr"])
def test_a_line_keeps_its_colour_when_other_groups_come_and_go(tmp_path, group):
    def colors():
        index.refresh()
        figure, *_ = draw(index, 0, "acc", group, [], None)
        return {trace["name"]: trace["line"]["color"] for trace in figure["data"]}

    index = indexed(tmp_path)
    for lr in (3, 5):
        write_run(tmp_path / str(lr), {"lr": lr}, csv_text({"acc": [1.0]}))
    before = colors()
    write_run(tmp_path / "1", {"lr": 1}, csv_text({"acc": [1.0]}))
    shutil.rmtree(tmp_path / "3")
    after = colors()
    assert after["5"] == before["5"]
    assert len({*before.values(), *after.values()}) == 3


def test_a_group_whose_runs_lack_the_metric_has_no_line(tmp_path):
    write_run(tmp_path / "0", {"lr": 1}, csv_text({"acc": [1.0]}))
    write_run(tmp_path / "1", {"lr": 2}, csv_text({"loss": [1.0]}))
    figure, *_ = draw(indexed(tmp_path), 0, "acc", "key:lr", [], None)
    assert legend(figure) == ["1"]


@pytest.mark.parametrize(("colors", "look_"), [("dark", DARK), ("light", LIGHT), (None, LIGHT)])
def test_the_chart_follows_the_colours_of_the_page(sweep, colors, look_):
    figure, *_ = draw(sweep, 0, "test/accuracy", EACH_RUN, [], colors)
    assert figure["layout"]["paper_bgcolor"] == look_.background


@pytest.mark.parametrize(
    ("runs", "sentence"),
    [
        ({"0": None}, "No metric yet. Curves appear here as soon as a run logs its first value."),
        ({"0": [1.0]}, "The only run so far: there is nothing to compare it with yet."),
        (
            {"0": [1.0], "1": [2.0]},
            "The configs of these runs do not differ, so each line is one run.",
        ),
    ],
)
def test_a_page_with_little_to_show_says_so_in_one_sentence(tmp_path, runs, sentence):
    for name, values in runs.items():
        write_run(tmp_path / name, {"lr": 1}, values and csv_text({"acc": values}))
    index = indexed(tmp_path)
    metric = view.choices(index, index.snapshot.runs).metric
    _, css, empty, caption, _ = draw(index, 0, metric, EACH_RUN, [], None)
    assert (empty or caption) == sentence
    assert (css == "empty") == (empty is not None)


def test_a_selection_without_the_metric_says_so(tmp_path):
    write_run(tmp_path / "0", {"lr": 1}, csv_text({"acc": [1.0]}))
    write_run(tmp_path / "1", {"lr": 2}, csv_text({"loss": [1.0]}))
    _, _, empty, caption, _ = draw(indexed(tmp_path), 0, "acc", "key:lr", [{"id": "1"}], None)
    assert empty == "None of the selected runs has logged acc so far."
    assert caption == ""


@pytest.mark.parametrize("group", [EACH_RUN, "key:lr"])
def test_a_metric_that_is_never_a_number_says_so(tmp_path, group):
    write_run(tmp_path / "0", {"lr": 1}, csv_text({"acc": [float("nan"), float("inf")]}))
    write_run(tmp_path / "1", {"lr": 2}, csv_text({"acc": [float("nan")], "loss": [1.0]}))
    figure, css, empty, caption, _ = draw(indexed(tmp_path), 0, "acc", group, [], None)
    assert (css, caption, legend(figure)) == ("empty", "", [])
    assert empty == "All values of acc are NaN or infinite in the selected runs: no line to draw."


def test_a_group_without_a_number_does_not_count_in_the_caption(tmp_path):
    for job, (lr, acc) in enumerate([(1, 0.5), (1, 0.6), (2, float("nan")), (2, float("nan"))]):
        write_run(tmp_path / str(job), {"lr": lr, "seed": job}, csv_text({"acc": [acc]}))
    figure, _, empty, caption, _ = draw(indexed(tmp_path), 0, "acc", "key:lr", [], None)
    assert caption.startswith("Each line is the mean of 2 runs with the same lr")
    assert empty is None
    assert legend(figure) == ["1", "2"]


def test_states_are_counted_in_words(tmp_path):
    states = (State.COMPLETED, State.FAILED, State.COMPLETED, State.TIMEOUT, None)
    for job, state in enumerate(states):
        write_run(tmp_path / str(job), {}, state=state)
    assert view.counts(indexed(tmp_path).snapshot.runs) == [
        *(("finished", 2), ("failed", 1), ("timed out", 1), ("no status", 1))
    ]


def test_nothing_new_leaves_the_page_alone_and_a_change_gives_it_the_new_version(sweep):
    version = sweep.snapshot.version
    assert look(sweep, 1, version) is dash.no_update
    run = sweep.snapshot.runs[0].directory
    (run / PROGRESS_CSV).write_text("step,x\n")
    assert look(sweep, 2, version) == version + 1
    assert look(sweep, 3, version) == version + 1  # a second page that has the old version


def test_what_was_chosen_stays_chosen_and_what_was_not_yet_is_chosen_when_it_can_be(tmp_path):
    directory = write_run(tmp_path / "0", {"lr": 1})
    index = indexed(tmp_path)
    write_run(directory, {"lr": 1}, csv_text({"a": [1.0]}))
    write_run(tmp_path / "1", {"lr": 2}, csv_text({"test/acc": [1.0]}))
    index.refresh()
    *_, metric, _, group = update_controls(index, 1, None, EACH_RUN)
    assert metric == "test/acc"
    *_, metric, _, group = update_controls(index, 1, "a", "key:lr")
    assert (metric, group) == (dash.no_update, dash.no_update)


def test_columns_are_sent_again_only_when_they_have_changed(sweep):
    _, columns, _ = update_table(sweep, 1, "train/loss", [])
    assert update_table(sweep, 2, "train/loss", columns)[1] is dash.no_update


def test_faults_are_listed_with_file_and_line(tmp_path):
    directory = write_run(tmp_path / "0", "a: [", "step,x\n0,oops\n")
    index = indexed(tmp_path)
    lines = view.faults(index, index.snapshot.runs, index.snapshot.faults)
    assert len(lines) == 2
    assert lines[1].startswith(f"{directory / PROGRESS_CSV}:2: ")
    assert "2 places" in str(faults(lines))
    assert faults([]) == []


def test_the_page_holds_all_it_needs_and_asks_no_other_server(sweep):
    client = create_app(sweep).server.test_client()
    html = client.get("/", base_url="http://127.0.0.1:8050").text
    assert "https://" not in html.replace("https://dash.plotly.com", "")
    layout = client.get("/_dash-layout", base_url="http://localhost:8050")
    assert layout.status_code == 200
    assert "accuracy" in layout.text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8050", "127.0.0.1.evil.example"])
def test_a_name_that_is_not_ours_is_refused(sweep, host):
    client = create_app(sweep).server.test_client()
    assert client.get("/_dash-layout", base_url=f"http://{host}").status_code == 403


def test_a_sweep_below_the_root_names_its_runs(tmp_path):
    write_run(tmp_path / "day" / "0", {})
    (tmp_path / "day" / SWEEP_FILE).touch()
    assert cells(indexed(tmp_path), None)[0]["id"] == "day/0"
