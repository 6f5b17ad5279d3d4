import re
from types import SimpleNamespace

import pytest

import exptools.viewing as xv
from tests.viewing.samples import write_run, write_summary, write_sweep

HOSTILE = "<script>alert(1)</script> & $x$ \"'"
METRIC = "<script>loss"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    write_sweep(root, steps=3)
    for job in range(9):
        write_summary(root / str(job), result=job / 10)
    return xv.load(root)


def cells(html):
    """The texts of a table's heads and rows, as they are written in HTML."""
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [[re.sub("<[^>]*>", "", c) for c in re.findall(r"<t[hd].*?</t[hd]>", r)] for r in rows]


def test_runs_are_a_row_each_with_what_differs(runs):
    html = runs._repr_html_()
    assert "<p>9 runs of 1 sweep; varying: optim.lr, seed</p>" in html
    assert cells(html)[:2] == [
        ["run", "state", "lr", "seed", "result"],
        [f"{runs[0].name}", "completed", "0.001", "0", "0.0"],
    ]
    assert len(cells(html)) == 10


def test_what_varies_with_the_seed_among_few_runs_is_shown_beside_it(tmp_path):
    for job, model in enumerate(("small", "large")):
        write_run(tmp_path / str(job), {"model": model, "seed": job})
    shown = cells(xv.load(tmp_path)._repr_html_())
    assert shown[:2] == [["run", "state", "seed", "model"], ["0", "completed", "0", "small"]]


def test_a_result_has_six_digits_and_a_setting_all_that_it_has(tmp_path):
    for job, lr in enumerate((0.1, 0.12345678901)):
        write_run(tmp_path / str(job), {"lr": lr})
        write_summary(tmp_path / str(job), result=0.9648148148148148)
    runs = xv.load(tmp_path)
    shown = cells(runs._repr_html_())
    assert shown[2] == ["1", "completed", "0.12345678901", "0.964815"]
    assert cells(runs[1]._repr_html_())[-2:] == [["result", "0.964815"], ["lr", "0.12345678901"]]


def test_an_error_shows_the_lines_of_the_notebook_and_the_sentence(runs):
    def cell():
        runs.where("last(nothing) > 0.8")

    def notebook():  # its frame is IPython's, there
        cell()

    with pytest.raises(xv.QueryError) as error:
        notebook()
    shown = error.value._render_traceback_()
    assert len(shown) == 3
    assert "runs.where(" in shown[1]
    assert shown[-1] == f"QueryError: {error.value}"
    assert "no run has logged 'nothing'" in shown[-1]


def test_of_many_runs_the_first_and_the_last_are_shown(tmp_path):
    for job in range(50):
        write_run(tmp_path / str(job), {f"k{i}": job for i in range(30)} | {"own": job // 2})
    html = xv.load(tmp_path)._repr_html_()
    shown = [row[0] for row in cells(html)[1:]]
    assert shown == [*"01234", "…", *("45", "46", "47", "48", "49")]
    assert len(html) < 4000


def test_a_collection_says_little_of_thousands_of_keys(tmp_path):
    for job in range(2):
        write_run(tmp_path / str(job), {f"{'k' * 50}{i}": i + job for i in range(1500)})
    runs = xv.load(tmp_path)
    assert len(repr(runs)) < 1000
    assert "… (1500 keys)" in repr(runs)
    assert max(len(html) for html in (runs._repr_html_(), runs[0]._repr_html_())) < 5000


def test_columns_that_find_no_room_are_told_of(tmp_path):
    values = [3, 5, 7, 11, 13, 17, 19, 23]
    for job in range(40):
        write_run(tmp_path / str(job), {f"k{v}": job % v for v in values})
    html = xv.load(tmp_path)._repr_html_()
    assert cells(html)[0] == ["run", "state", "k3", "k5", "k7", "k11", "k13", "k17"]
    assert "<p>More columns are in table().</p>" in html


def test_to_show_runs_no_metric_is_read(runs, monkeypatch):
    def fail(*_):
        raise AssertionError("a file of metrics was read")

    for name in ("columns", "tags", "last", "series"):
        monkeypatch.setattr(type(runs.origin), name, fail)
    assert runs._repr_html_()
    assert runs[0]._repr_html_()


def test_a_run_shows_where_it_is_and_its_config(runs):
    html = runs[4]._repr_html_()
    assert cells(html) == [
        ["", "4"],
        ["directory", str(runs[4].directory)],
        ["state", "completed"],
        ["result", "0.4"],
        ["optim.lr", "0.01"],
        ["optim.name", "adam"],
        ["seed", "1"],
        ["epochs", "3"],
    ]


def test_curves_show_where_they_end_and_of_how_many_runs(tmp_path):
    write_run(tmp_path / "0", {"lr": 1}, {"acc": [1.0, 2.0, 4.0]})
    write_run(tmp_path / "1", {"lr": 1}, {"acc": [3.0]})
    write_run(tmp_path / "2", {"lr": 2}, {"loss": [3.0]})
    curves = xv.load(tmp_path).curves("acc", by="lr", smooth=0.0)
    html = curves._repr_html_()
    assert cells(html) == [
        ["lr", "n", "ends at", "center", "low", "high"],
        ["1", "1/2", "2", "4", "—", "—"],
    ]
    assert "1 of 3 runs has not logged acc." in html
    assert repr(curves) == "<CurveSet: acc over step by lr: 1 curve of 2 runs; mean, band std>"


def test_results_show_the_best_in_bold(runs):
    table = runs.results("test/accuracy", by="optim.lr")
    assert len(re.findall("<b>.*?</b>", table._repr_html_())) == 1
    assert cells(table._repr_html_())[0] == ["lr", "test/accuracy", "n"]
    assert repr(table).splitlines()[0].split() == ["lr", "test/accuracy", "n"]
    assert table.latex().startswith("% last of test/accuracy")
    assert table.markdown().startswith("| lr |")


def test_of_many_results_the_first_and_the_last_are_shown(tmp_path):
    for seed in range(70):
        write_run(tmp_path / str(seed), {"seed": seed}, {"loss": [0.5]})
    table = xv.load(tmp_path).results("loss", by="seed")
    assert len(cells(table._repr_html_())) == 62
    *shown, numbers = repr(table).splitlines()
    assert (len(shown), numbers) == (62, "last of loss: mean, band std, over n runs.")
    assert len(table.frame()) == 70
    assert table.latex().count("0.5") == 70


def test_what_runs_are_called_is_shown_and_never_obeyed(tmp_path):
    for job in range(2):
        config = {HOSTILE: f"{HOSTILE}{job}"}
        run = write_run(tmp_path / f"<i>{job}", config, {METRIC: [1.0]})
        write_summary(run, note=HOSTILE)
    runs = xv.load(tmp_path)
    shown = [runs, runs[0], runs.curves(METRIC, by=HOSTILE), runs.results(METRIC)]
    for html in (thing._repr_html_() for thing in shown):
        assert "<script" not in html
        assert "<i>" not in html
        assert "&lt;" in html
        assert 'class="tex2jax_ignore mathjax_ignore"' in html


@pytest.mark.filterwarnings("ignore:no runs in")
def test_what_has_nothing_shows_nothing(tmp_path):
    runs = xv.load(tmp_path)
    assert "<p>no runs</p>" in runs._repr_html_()
    assert cells(runs._repr_html_()) == []


def test_keys_complete(runs):
    assert runs._ipython_key_completions_() == [str(job) for job in range(9)]
    curves = runs.curves(["train/loss"], by="optim.lr")
    assert curves._ipython_key_completions_() == ["train/loss"]
    assert curves[0]._ipython_key_completions_() == ["0.001", "0.01", "0.1"]


def test_no_runs_say_for_which_condition_there_are_none(runs):
    none = runs.where("lr > 0.001").where("seed = 7")
    assert repr(none) == "<Runs: no runs for which lr > 0.001 and seed = 7>"
    assert none._repr_html_().count("<p>no runs for which lr &gt; 0.001 and seed = 7</p>") == 1
    assert "<table" not in none._repr_html_()
    assert repr(runs[:0]) == "<Runs: no runs>"


def test_results_by_very_many_keys_show_the_first_and_say_where_the_others_are(tmp_path):
    keys = [f"key{number}" for number in range(20)]
    for job in range(2):
        write_run(tmp_path / str(job), {key: "x" * 500 + str(job) for key in keys}, {"loss": [1.0]})
    results = xv.load(tmp_path).results("loss", by=keys)
    heads = cells(results._repr_html_())[0]
    assert heads == [*keys[:8], "loss", "n"]
    assert max(map(len, str(results).splitlines())) < 700
    assert "12 more of the keys grouped by are in frame()." in str(results)
    assert set(keys) < set(results.frame().columns)


def test_a_log_is_shown_line_by_line(runs):
    (runs[0].directory / "output.log").write_text("one\ntwo\n")
    log, shown = runs[0].log(), []
    log._repr_pretty_(SimpleNamespace(text=shown.append), cycle=False)  # as IPython asks for it
    assert shown == [log] == ["one\ntwo\n"]


def test_a_curves_numbers_do_not_fill_the_page(runs):
    assert repr(runs[0].curve("train/loss")[0].curve) == "<Curve: 3 points, x from 0 to 2>"
