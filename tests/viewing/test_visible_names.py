"""Names and errors of others, as every part of the viewer gets them: they steer no screen."""

import json

import pytest
from plotly.io.json import to_json_plotly

from exptools.rundir import STATUS_FILE, State
from exptools.viewing.app.charts.controls import CHARTS
from exptools.viewing.app.charts.tab import draw_chart, draw_controls
from exptools.viewing.app.compare.chart import chart
from exptools.viewing.app.compare.content import drawing
from exptools.viewing.app.facts import resolve
from exptools.viewing.app.painted.picture import picture
from exptools.viewing.app.run.reading import Unreadable
from exptools.viewing.app.table.rows import cut
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.configs.tree import leaves
from exptools.viewing.figures.theme import LIGHT
from exptools.viewing.run_files.logs import plain
from tests.viewing.samples import csv_text, indexed, write_events, write_run, write_summary

ODD = "a\u202eb\x1b[2Jc"
SHOWN = r"a\u202eb\x1b[2Jc"


@pytest.fixture
def index(tmp_path):
    """One run of which everything that has a name is called so."""
    run = write_run(
        *(tmp_path / "sweep" / ODD, {ODD: {"value": ODD}}, csv_text({ODD: [1.0, 2.0]})),
        state=State.FAILED,
        error=ODD,
    )
    write_summary(run, **{ODD: 1.0})
    told = {"host": ODD, "signal": ODD, "element": ODD, "command": [ODD]}
    status = json.loads((run / STATUS_FILE).read_text()) | told
    (run / STATUS_FILE).write_text(json.dumps(status))
    return indexed(tmp_path)


def test_a_run_its_metrics_keys_and_status_are_called_what_one_can_see(index):
    (run,) = index.snapshot.runs
    assert run.name == f"sweep/{SHOWN}"
    assert [*index.runs_by_tag([run])] == [SHOWN]
    assert [*index.columns([run], [SHOWN])[run.name][SHOWN]] == [1.0, 2.0]
    assert index.last([run], SHOWN) == [2.0]
    assert [*run.config] == [f"{SHOWN}.value"]
    assert [*run.summary] == [SHOWN]
    assert (run.status.host, run.status.error) == (SHOWN, SHOWN)
    assert (run.status.signal, run.status.element) == (SHOWN, SHOWN)
    assert run.status.command == (ODD,)  # as it was typed


def test_values_stay_what_they_are_and_are_shown_as_one_can_see(index):
    (run,) = index.snapshot.runs
    assert run.config[f"{SHOWN}.value"] == ODD
    assert [leaf.text for leaf in leaves(run.config)] == [SHOWN]
    assert cut(ODD) == SHOWN
    assert str(Unreadable(f"{ODD} is gone.")) == f"{SHOWN} is gone."


def test_of_a_log_the_codes_are_left_out_and_the_marks_are_shown():
    assert plain(f"{ODD}\x07\n\tnext".encode()) == "a\\u202ebc\n\tnext"


def test_what_cannot_be_read_is_named_as_one_can_see(tmp_path):
    write_run(tmp_path / ODD, "a: [", csv_text({ODD: ["x"]}))
    index = indexed(tmp_path)
    index.columns(index.snapshot.runs, [SHOWN])
    config, metrics = map(str, index.faults(index.snapshot.runs[0]))
    assert SHOWN in config
    assert metrics.count(SHOWN) == 2
    assert config.isprintable()
    assert metrics.isprintable()


def test_event_files_have_such_names_too(tmp_path):
    write_events(tmp_path / "0", {ODD: [1.0]})
    index = indexed(tmp_path)
    assert [*index.runs_by_tag(index.snapshot.runs)] == [SHOWN]


def shown_texts(part, name=""):
    """The texts in what a page is sent; of a choice its label, and not the value it stands for."""
    if isinstance(part, str):
        return [] if name in ("value", "drawn") else [part]
    if isinstance(part, dict):
        return [text for name, its in part.items() for text in shown_texts(its, name)]
    return [t for its in part for t in shown_texts(its, name)] if isinstance(part, list) else []


@pytest.fixture(scope="module")
def oddly_configured(tmp_path_factory):
    """A workspace of two sweeps whose runs differ in odd values."""
    root = tmp_path_factory.mktemp("runs")
    for number in range(8):
        config = {"name": f"{ODD}{number % 2}", "lr": [0.1, ODD][number // 2 % 2], "seed": number}
        run = root / f"sweep{number // 4}" / str(number)
        write_run(run, config, csv_text({"loss": [1.0, 2.0 + number]}))
        (run.parent / "multirun.yaml").write_text("")
    return Workspace(indexed(root))


@pytest.mark.parametrize("chart", CHARTS)
def test_no_chart_turns_text_round_by_a_value_of_a_config(oddly_configured, chart):
    data = View(tab="charts", chart=chart, by=("name",)).to_data()
    controls, _ = draw_controls(oddly_configured, data, 0, None)
    page = [controls, draw_chart(oddly_configured, data, 0, "light")]
    shown = shown_texts(json.loads(to_json_plotly(page)))
    assert any(SHOWN in text for text in shown) or chart in ("timeline", "importance")
    assert not [text for text in shown if "\u202e" in text or "\x1b" in text]


def test_no_curve_turns_text_round_by_a_value_of_a_config(oddly_configured):
    content = drawing(oddly_configured, resolve(View(by=("name",)), oddly_configured.facts()))
    figure = json.loads(to_json_plotly(chart(content, View(), LIGHT)))
    shown = [*shown_texts(figure), picture(content, View())]
    assert any(SHOWN in text for text in shown)
    assert not [text for text in shown if "\u202e" in text or "\x1b" in text]
