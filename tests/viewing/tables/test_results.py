import io
import math
import os
import re
import shutil
import subprocess

import polars as pl
import pytest

import exptools.viewing as xv
from exptools.rundir import State
from exptools.viewing.results import results
from exptools.viewing.tables import export
from exptools.viewing.tables.results import headings
from tests.viewing.samples import write_run, write_summary, write_sweep

NAN, INF = math.nan, math.inf


@pytest.fixture
def runs(tmp_path):
    return xv.load(write_sweep(tmp_path / "outputs"))


@pytest.fixture
def tasks(tmp_path):
    """Two algorithms on two tasks, the second of which only one of them was run on."""
    values = {("a_1", "x"): [1, 3], ("b|2", "x"): [4, 6], ("b|2", "y&z"): [7, 7]}
    for (algorithm, task), ends in values.items():
        for seed, end in enumerate(ends):
            config = {"algo": algorithm, "task": task, "seed": seed}
            progress = {"return": [0.0, float(end)], "loss": [1.0, end / 10]}
            write_run(tmp_path / f"{algorithm}-{task}-{seed}", config, progress)
    return xv.load(tmp_path)


def test_a_cell_is_the_mean_and_band_of_one_number_a_run(runs):
    table = results(runs, "test/accuracy", "optim.lr", summary="max")
    frame = runs.table("test/accuracy", summary="max")
    for values, (cell,) in zip(table.rows, table.cells, strict=True):
        ends = frame.filter(pl.col("optim.lr") == values[0])["test/accuracy"]
        assert cell.center == pytest.approx(ends.mean(), rel=1e-12)
        assert cell.high - cell.center == pytest.approx(ends.std(), rel=1e-9)
        assert (cell.n, cell.runs) == (3, 3)


@pytest.mark.filterwarnings("ignore:the interval is by bootstrap")
def test_the_last_value_with_its_band_is_that_of_the_figure(runs):
    options = {"center": "iqm", "band": "ci:90"}
    table = results(runs, "test/accuracy", "optim.lr", **options)
    curves = runs.curves("test/accuracy", "optim.lr", **options)
    for group, (cell,) in zip(curves.groups, table.cells, strict=True):
        ends = [line[-1] for line in (group.curve.center, group.curve.low, group.curve.high)]
        assert [cell.center, cell.low, cell.high] == ends


@pytest.mark.parametrize(("metric", "best"), [("test/accuracy", "0.01"), ("train/loss", "0.1")])
def test_the_best_is_the_highest_accuracy_and_the_lowest_loss(runs, metric, best):
    table = results(runs, metric, "optim.lr", summary="best")
    bold = [texts[0] for texts, (cell,) in zip(table.texts, table.cells, strict=True) if cell.best]
    assert bold == [best]
    assert table.columns[0].summary == ("max" if metric == "test/accuracy" else "min")


def test_where_the_name_does_not_tell_what_is_better_it_must_be_said(tmp_path):
    for lr in (1, 2):
        write_run(tmp_path / str(lr), {"lr": lr}, {"thing": [float(lr)]})
    runs = xv.load(tmp_path)
    table = results(runs, "thing", "lr")
    assert not any(cell.best for (cell,) in table.cells)
    assert "Nothing is bold for thing" in table.notes[0]
    with pytest.raises(xv.QueryError, match="whether more or less of thing is better"):
        results(runs, "thing", "lr", summary="best")
    said = results(runs, "thing", "lr", summary="best", better={"thing": "min"})
    assert [cell.best for (cell,) in said.cells] == [True, False]
    with pytest.raises(xv.QueryError, match="no direction of thing 'mni'; did you mean 'min'"):
        results(runs, "thing", "lr", better={"thing": "mni"})


def test_a_run_that_diverged_or_lacks_the_metric_is_not_in_the_mean_but_counted(tmp_path):
    ends = [[1.0], [3.0], [NAN], [INF]]
    for seed, values in enumerate(ends):
        write_run(tmp_path / str(seed), {"lr": 1, "seed": seed}, {"loss": values})
    write_run(tmp_path / "4", {"lr": 1, "seed": 4}, {"other": [1.0]})
    write_run(tmp_path / "5", {"lr": 2, "seed": 5}, {"other": [1.0]})
    table = results(xv.load(tmp_path), "loss", "lr")
    cell, empty = (cell for (cell,) in table.cells)
    assert (cell.center, cell.n, cell.runs) == (2, 2, 5)
    assert (empty.n, empty.runs) == (0, 1)
    assert "| 1 | **2.0 ± 1.4** | 2/5 |\n| 2 | — | 0/1 |" in export.markdown(table)
    assert table.notes[-1] == (
        "n is 2/5 where 2 of 5 runs are in the numbers. "
        "Left out of loss: 2 without a value, 2 NaN or infinite."
    )
    assert r"{\footnotesize 2/5: 2 of 5 runs have a value.} \\" in export.latex(table)


def test_a_run_that_diverged_in_two_metrics_is_one_that_is_left_out_of_each(tmp_path):
    for seed, (loss, reward) in enumerate([(1.0, 1.0), (2.0, 3.0), (NAN, NAN)]):
        values = {"loss": [loss], "reward": [reward]}
        write_run(tmp_path / str(seed), {"lr": 1, "seed": seed}, values)
    table = results(xv.load(tmp_path), ["loss", "reward"], "lr")
    assert table.notes[-1].endswith("Left out of each metric: 1 NaN or infinite.")
    write_run(tmp_path / "3", {"lr": 1, "seed": 3}, {"loss": [2.0]})
    table = results(xv.load(tmp_path), ["loss", "reward"], "lr")
    assert (
        "Left out of loss: 1 NaN or infinite; of reward: 1 without a value, 1 NaN or infinite."
        in " ".join(table.notes)
    )


def test_below_a_latex_table_one_run_is_one(tmp_path):
    write_run(tmp_path / "0", {"lr": 1, "seed": 0}, {"loss": [1.0]})
    write_run(tmp_path / "1", {"lr": 1, "seed": 1}, None, State.RUNNING, pid=os.getpid())
    text = export.latex(results(xv.load(tmp_path), "loss", "lr"))
    assert r"$^{\ddagger}$1 of these is running or queued." in text
    assert "1/2: 1 of 2 runs has a value." in text


def test_that_nothing_is_bold_is_said_below_and_above_a_table_for_a_paper(tmp_path):
    for seed in (0, 1):
        write_run(tmp_path / str(seed), {"lr": seed, "seed": 0}, {"size": [1.0], "loss": [1.0]})
    table = results(xv.load(tmp_path), ["size", "loss"], "lr")
    said = "Nothing is bold for size: whether more or less of it is better is not known."
    assert f"% {said}" in export.latex(table)
    assert said in export.markdown(table).replace("\\", "")


def test_a_facet_has_a_column_a_value_with_a_best_of_its_own(tasks):
    table = results(tasks, "return", "algo", facet="task")
    assert export.markdown(table).splitlines() == [
        "| algo | x | y\\&z | n |",
        "| --- | ---: | ---: | ---: |",
        "| a\\_1 | 2.0 ± 1.4 | — | 2, — |",
        "| b\\|2 | **5.0 ± 1.4** | **7 ± 0** | 2 |",
    ]
    assert table.frame().select("algo", "task", "center").rows() == [
        ("a_1", "x", 2),
        ("b|2", "x", 5),
        ("b|2", "y&z", 7),
    ]


def test_a_column_of_a_number_says_of_which_key_it_is_one(tmp_path):
    for at, lr in enumerate((0.1, 0.2, None)):
        config = {"a": 1} if lr is None else {"a": 1, "lr": lr}
        write_run(tmp_path / str(at), config, {"loss": [1.0]})
    table = results(xv.load(tmp_path), "loss", "a", facet="lr")
    assert headings(table) == ["a", "lr=0.1", "lr=0.2", "lr=—"]


def test_what_runs_have_one_value_of_has_no_last_one(tmp_path):
    write_summary(write_run(tmp_path / "0", {"a": 1}, {"loss": [1.0]}), result=3.0)
    table = results(xv.load(tmp_path), ["loss", "result"], "a")
    assert export.described(table) == "last of loss, result: mean, band std, over n runs"


def test_what_reads_as_the_best_is_bold_too(tmp_path):
    for algo, loss in {"a": 0.46811, "b": 0.46789, "c": 0.52}.items():
        for seed, off in enumerate((-0.01, 0.0, 0.01)):
            directory = tmp_path / algo / str(seed)
            write_run(directory, {"algo": algo, "seed": seed}, {"loss": [loss + off]})
    table = results(xv.load(tmp_path), "loss", "algo")
    assert [cell.best for (cell,) in table.cells] == [False, True, False]
    _, rows = export.readable(table)
    assert [cell for _, cell, _ in rows] == [
        ("0.468 ± 0.010", True),
        ("0.468 ± 0.010", True),
        ("0.520 ± 0.010", False),
    ]


def test_latex_is_a_booktabs_tabular_with_escaped_names(tasks):
    table = results(tasks, ["return", "loss"], "algo", facet="task", band="minmax")
    lines = export.latex(table).splitlines()
    assert lines[0].startswith("% last of return, last of loss: mean, band minmax")
    assert lines[1] == r"\begin{tabular}{lrrrrr}"
    assert lines[3] == r"algo & return, x & return, y\&z & loss, x & loss, y\&z & $n$ \\"
    assert lines[5] == (
        r"a\_1 & $2.0 \pm 1.0$ & \textemdash{} & $\mathbf{0.20 \pm 0.10}$ & \textemdash{} & "
        r"2, \textemdash{}, 2, \textemdash{} \\"
    )
    assert r"b\textbar{}2 & $\mathbf{5.0 \pm 1.0}$" in lines[6]
    assert [line for line in lines if line.endswith("rule")] == [
        r"\toprule",
        r"\midrule",
        r"\bottomrule",
    ]


def test_latex_and_markdown_show_any_text_as_it_is():
    text = r"a_b & 50% $x$ #1 {z} ~ ^ \ <|> -- `"
    assert export.latex_text(text) == (
        r"a\_b \& 50\% \$x\$ \#1 \{z\} \textasciitilde{} \textasciicircum{} \textbackslash{} "
        r"\textless{}\textbar{}\textgreater{} -{}- \textasciigrave{}"
    )
    unescaped = re.sub(r"\\(.)", r"\1", export.markdown_text("*a* | [b](c) <d> `e`\nf \\"))
    assert unescaped == "*a* | [b](c) <d> `e` f \\"
    assert not re.search(r"(?<!\\)[|*<`]", export.markdown_text("*a* | <d> `e`"))


@pytest.mark.parametrize(
    ("center", "low", "high", "text"),
    [
        (0.90342, 0.87342, 0.93342, "0.903 ± 0.030"),
        (0.90342, 0.80372, 1.00312, "0.90 ± 0.10"),  # 0.0997 is 0.10 in two digits
        (0.5, 0.4, 0.9, "0.50 [0.40, 0.90]"),
        (1234, 983, 1485, "1230 ± 250"),
        (12345678.0, 11145678.0, 13545678.0, "(1.23 ± 0.12)e7"),
        (1.5e-7, 1.4e-7, 1.6e-7, "(1.50 ± 0.10)e-7"),
        (0.9, 0.9, 0.9, "0.9 ± 0"),
        (0.1 + 0.2, 0.3 - 1e-16, 0.3 + 1e-16, "0.3 ± 0"),
        (-0.001, -0.301, 0.299, "0.00 ± 0.30"),
        (0.123456, NAN, NAN, "0.1235"),
        (123456.7, NAN, NAN, "123500"),
        (5e-324, NAN, NAN, "4.941e-324"),
        (1e308, -1e308, 1.7e308, "(1.0 [-1.0, 1.7])e308"),
        (0.0, NAN, NAN, "0"),
    ],
)
def test_numbers_have_the_digits_that_their_uncertainty_leaves(center, low, high, text):
    assert export.plain(export.Cell(center, low, high, 3, 3)) == text


def test_what_is_no_number_is_not_rounded():
    assert export.rounded(NAN) is None
    assert export.rounded(INF, 0, 1) is None


@pytest.mark.parametrize("long", [True, False])
def test_csv_of_rows_reads_back_as_the_very_numbers_that_were_logged(tmp_path, long):
    logged = [0.1 + 0.2, 1e-5, 5e-324, 1.7976931348623157e308, NAN, INF, -INF, None, -0.0, 1 / 3]
    config = {"name": "x", "text": 'a,"b\nc', "empty": ""}
    spelled = [{NAN: "NaN", INF: "inf", -INF: "-inf"}.get(v, repr(v)) for v in logged]
    spelled[4], spelled[7] = "NaN", ""
    body = "".join(f"{step},1.5,{cell}\n" for step, cell in enumerate(spelled))
    write_run(tmp_path / "0", config, f"step,wall_time,loss\n{body}")
    runs = xv.load(tmp_path)
    frame = export.logged(runs.origin, runs, "loss", ["text", "empty"], long=long)
    text = b"".join(export.csv(frame)).decode()
    assert "\r" not in text
    header, *rows = [row.split(",") for row in re.sub(r'"a,""b\nc"', "T", text).splitlines()]
    assert header[:3] == ["name", "text", "empty"]
    assert {tuple(row[:3]) for row in rows} == {("0", "T", '""')}
    cells = [row[-1] for row in rows]
    assert [repr(float(cell)) for cell in cells] == [repr(v) for v in logged if v is not None]
    assert [cell for cell in cells if not cell[-1].isdigit()] == ["NaN", "inf", "-inf"]


def test_a_selection_larger_than_a_piece_is_written_whole(monkeypatch):
    monkeypatch.setattr(export, "ROWS_AT_ONCE", 3)
    frame = pl.DataFrame({"a": range(8)})
    assert pl.read_csv(io.BytesIO(b"".join(export.csv(frame)))).equals(frame)
    assert b"".join(export.csv(frame.clear())) == b"a\n"


def test_without_runs_there_is_no_table(runs):
    with pytest.raises(xv.QueryError, match="no runs"):
        results(runs[:0], "train/loss", "optim.lr")


HOSTILE = (
    *(
        "[64, 64]",
        "*",
        "*[1pt]",
        "[1ex]*",
        "]",
        r"\\[2em]",
        r"\hline",
        "% no",
        "& & &",
        "$",
        "_",
        "^",
    ),
    *(
        "{",
        "}",
        "}{",
        "#1",
        "~",
        "---- -",
        "`''",
        '"a',
        "λ → ∞",
        "Ως",
        "ünïcödé ß ŷ",
        "\x1b[31m",
        "\x7f",
    ),
    *("\\", r"\end{tabular}", "a\nb", "\ta", "@", "!", "|", "<>", "=", "1e-3", ""),
)


@pytest.fixture
def hostile(tmp_path):
    """A table whose every cell is an attack, and its metric and its heads, too."""
    for job, text in enumerate(HOSTILE):
        write_run(tmp_path / str(job), {"[a]*": text, "%&": job}, {"[m]_%": [0.5, job / 7]})
    return results(xv.load(tmp_path), "[m]_%", ["[a]*", "%&"])


def test_no_row_of_a_latex_table_begins_as_an_option_of_the_row_before(hostile):
    lines = export.latex(hostile).splitlines()
    assert len(lines) == len(HOSTILE) + 8
    assert all(re.match(r"[\w\\$&%{@!=,;'\"—ü-]", line) for line in lines)
    assert not any(re.search(r"(rule|\\\\)\s*[\[*]", line) for line in [*lines, " ".join(lines)])
    for line in lines:
        bare = re.sub(r"\\.|\{[\[\]*]\}", "", line)
        assert bare.count("{") == bare.count("}")


def has_booktabs():
    """Whether there is a LaTeX that can set our tables."""
    if shutil.which("pdflatex") is None or shutil.which("kpsewhich") is None:
        return False
    return (
        subprocess.run(
            ["kpsewhich", "-format=tex", "booktabs.sty"], check=False, stdout=subprocess.DEVNULL
        ).returncode
        == 0
    )


@pytest.mark.skipif(not has_booktabs(), reason="needs pdflatex with booktabs")
def test_latex_itself_sets_the_table_whatever_stands_in_it(hostile, tmp_path):
    start = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n"
    text = f"{start}\\tiny\n{export.latex(hostile)}\\end{{document}}\n"
    (tmp_path / "table.tex").write_text(text, encoding="utf-8")
    latex = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "table"]
    ran = subprocess.run(latex, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    log = (tmp_path / "table.log").read_text(encoding="utf-8", errors="replace")
    assert ran.returncode == 0, log[-3000:]
    assert "Missing character" not in log
    assert "Output written on table.pdf (1 page" in log


def test_what_pdflatex_has_no_letters_for_is_named_in_a_comment(tmp_path):
    for job, text in enumerate(("中文", "λ", "plain")):
        write_run(tmp_path / str(job), {"a": text}, {"m": [0.5]})
    text = export.latex(results(xv.load(tmp_path), "m", "a"))
    assert "\n% pdfLaTeX has no 中文: use LuaLaTeX, with a font that has\n" in text
    assert "中文 & $0.5$" in text
    assert r"\ensuremath{\lambda} & $0.5$" in text
