import csv
import io
import json
import os
import subprocess
import sys

import polars as pl
import pytest

import exptools.viewing as xv
from exptools.rundir import State, process_start
from exptools.viewing.cli.main import main
from exptools.viewing.index import Index
from tests.viewing.samples import (
    csv_text,
    write_dying_sweep,
    write_events,
    write_run,
    write_summary,
    write_sweep,
)

COMMAND = "import sys; from exptools.viewing.cli.main import main; sys.exit(main())"


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return write_sweep(tmp_path / "outputs", steps=5)


@pytest.fixture
def run(outputs, capsys):
    """The command in this process: exit code, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = ended.code
        return (code, *capsys.readouterr())

    return run


def process(*arguments: str, code: str = COMMAND, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_list_shows_people_the_keys_that_differ_and_the_telling_metric(run, outputs):
    code, out, err = run("list", "outputs")
    lines = [line.split() for line in out.splitlines() if line.strip()]
    assert lines[0] == ["run", "state", "lr", "seed", "test/accuracy"]
    assert lines[2][:4] == ["0", "completed", "0.001", "0"]
    assert len(lines) == 2 + 9
    assert (code, err) == (0, "")


def test_list_shows_what_was_said_of_each_run_also_where_nothing_else_was_logged(run, outputs):
    write_summary(outputs / "0", result=0.25, note="0.5")
    _, out, err = run("list", "outputs")
    lines = [line.split() for line in out.splitlines() if line.strip()]
    assert lines[0] == ["run", "state", "lr", "seed", "note", "result", "test/accuracy"]
    assert (lines[2][4:6], lines[3][4:6], err) == (["0.5", "0.25"], ["—", "—"], "")
    _, out, _ = run("list", "outputs", "--json")
    assert [json.loads(out)[job]["result"] for job in (0, 1)] == [0.25, None]
    _, out, _ = run("list", "outputs", "--where", "result < 1", "--metric", "result", "--csv")
    assert out.splitlines()[1].endswith("0.25")
    for job in range(9):
        (outputs / str(job) / "progress.csv").unlink()
    assert run("list", "outputs")[0] == 0
    code, out, _ = run("table", "outputs", "--by", "optim.lr", "--where", "result > 0")
    assert (code, "result" in out) == (0, True)


def test_list_asks_for_metrics_as_often_for_many_values_that_were_said_as_for_one(
    run, outputs, monkeypatch
):
    asked, tags = [], Index.tags
    monkeypatch.setattr(Index, "tags", lambda index, runs: asked.append(runs) or tags(index, runs))
    write_summary(outputs / "0", result=0.25)
    run("list", "outputs")
    for_one = len(asked)
    write_summary(outputs / "0", **{f"class {number}": number for number in range(50)})
    run("list", "outputs")
    assert len(asked) == 2 * for_one


def test_list_names_the_attempts_that_later_ones_replace(run, outputs):
    job = write_run(outputs / "resumed", {"lr": 1})
    for number in (0, 1):
        write_events(job / "tb" / f"version_{number}", {"loss": [number]})
    code, _, err = run("list", "outputs")
    assert code == 0
    assert "earlier attempts, which do not count: resumed: tb/version_0\n" in err


def test_a_key_that_only_other_runs_have_can_be_asked_for_and_shown(run, tmp_path):
    write_run(tmp_path / "ppo", {"algo": "ppo", "clip": 0.2}, csv_text({"loss": [1.0]}))
    write_run(tmp_path / "sac", {"algo": "sac"}, csv_text({"loss": [2.0]}))
    for arguments in (["--where", "clip is null"], ["--where", "algo = 'sac'", "--by", "clip"]):
        code, listed, _ = run("list", *arguments, str(tmp_path))
        assert code == 0
        assert "clip" in listed
        assert "—" in listed
    code, table, _ = run("table", str(tmp_path), "--where", "algo = 'sac'", "--by", "clip", "--csv")
    assert (code, len(table.splitlines())) == (0, 2)


def test_the_first_columns_are_the_runs_own_whatever_a_config_calls_run(run, tmp_path):
    write_run(tmp_path / "first", {"run": {"name": "other", "state": "fine"}}, csv_text({"m": [1]}))
    _, listed, _ = run("list", str(tmp_path))
    assert "first" in listed
    assert "completed" in listed
    assert "other" not in listed


def test_list_gives_pipes_the_exact_table_of_python(run, outputs):
    _, out, _ = run("list", "outputs", "--metric", "train/loss", "--summary", "min", "--csv")
    assert pl.read_csv(out.encode(), schema_overrides={"name": pl.String}).equals(
        xv.load(outputs).table("train/loss", summary="min")
    )
    chosen = ("--by", "seed", "--where", "optim.lr > 0.05", "--summary", "best")
    _, out, _ = run("list", "outputs", *chosen, "--metric", "train/loss", "--json")
    (first, *_) = found = json.loads(out)
    assert [record["name"] for record in found] == ["6", "7", "8"]
    assert list(first) == ["name", "sweep", "state", "seed", "train/loss"]
    assert first["train/loss"] == xv.load(outputs)[6:].table("train/loss", "min")["train/loss"][0]


def test_json_has_texts_for_what_json_lacks_and_null_for_what_is_not_there(run, tmp_path):
    text = "step,wall_time,loss,other\n0,1,NaN,1\n1,2,-inf,2\n2,3,,3\n"
    write_run(tmp_path / "odd" / "a", {"x": 1}, text, state=State.FAILED)
    _, out, _ = run("export", "odd", "--wide", "--json")
    found = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert [record["loss"] for record in found] == ["NaN", "-inf", None]


def test_diff_of_two_runs_is_the_keys_that_differ(run):
    _, out, _ = run("diff", "outputs/0", "outputs/4", "--csv")
    assert out == "key,left,right\noptim.lr,0.001,0.01\nseed,0,1\n"
    _, out, _ = run("diff", "outputs/0", "outputs/4")
    assert ["optim.lr", "0.001", "0.01"] in map(str.split, out.splitlines())
    assert out.splitlines()[-1] == "2 keys differ"


def test_diff_of_two_sweeps_matches_their_runs_and_lists_those_without_a_partner(run, tmp_path):
    write_sweep(tmp_path / "longer", steps=8)
    (tmp_path / "longer" / "8").rename(tmp_path / "gone")
    _, out, _ = run("diff", "outputs", "longer", "--json")
    found = json.loads(out)
    assert found["differences"] == [{"key": "epochs", "left": "5", "right": "8"}]
    assert found["matched_by"] == ["optim.lr", "seed"]
    assert [pair[0].endswith(f"/{at}") for at, pair in enumerate(found["matched"])] == [True] * 8
    assert found["only_left"] == [str(tmp_path / "outputs" / "8")]
    _, out, _ = run("diff", "outputs", "longer")
    assert "8 runs of 9 and of 8 match by optim.lr, seed\nonly left: 8\n" in out


def test_export_writes_all_rows_long_or_wide(run, outputs):
    _, out, _ = run("export", "outputs")
    rows = list(csv.reader(io.StringIO(out)))
    assert rows[0] == ["name", "step", "wall_time", "metric", "value"]
    assert len(rows) == 1 + 9 * 5 * 2
    _, out, _ = run(
        "export", "--wide", "--by", "seed", "--metric", "train/loss", "--where", "seed=2"
    )
    rows = list(csv.reader(io.StringIO(out)))
    assert rows[0] == ["name", "seed", "step", "wall_time", "train/loss"]
    assert {row[1] for row in rows[1:]} == {"2"}
    assert len(rows) == 1 + 3 * 5


def test_plot_writes_the_figure_and_says_its_caption(run, tmp_path):
    for kind, magic in (("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", b"\x89PNG")):
        code, out, err = run("plot", "--by", "optim.lr", "--out", f"curves.{kind}")
        assert (tmp_path / f"curves.{kind}").read_bytes().startswith(magic)
        assert (code, err) == (0, "")
        assert out == (
            f"curves.{kind}: test/accuracy over step: mean of 3 runs, "
            "band: ± one standard deviation.\n"
        )


def test_plot_is_the_figure_that_python_makes(run, outputs, tmp_path):
    options = ("--metric", "train/loss", "--by", "seed", "--facet", "optim.lr", "--size", "page")
    more = ("--center", "median", "--band", "minmax", "--smooth", "ema:0.5", "--x", "relative_time")
    run("plot", *options, *more, "--out", "command.svg")
    curves = xv.load(outputs).curves(
        "train/loss", ["optim.lr", "seed"], "relative_time",
        center="median", band="minmax", smooth="ema:0.5",
    )  # fmt: skip
    curves.paper(facet="optim.lr", size="page", out="python.svg")
    assert (tmp_path / "command.svg").read_bytes() == (tmp_path / "python.svg").read_bytes()


def test_plot_prints_the_numbers_of_its_figure(run, outputs):
    metrics = ("--metric", "train/loss", "--metric", "test/accuracy")
    _, out, _ = run("plot", *metrics, "--csv")
    found = pl.read_csv(out.encode()).filter(metric="test/accuracy").drop("metric")
    curves = xv.load(outputs).curves("test/accuracy", ["optim.lr"])
    assert found.equals(curves.frame())


def test_without_keys_only_seeds_are_averaged_and_an_empty_key_averages_all(run, tmp_path):
    for at, (lr, env) in enumerate((lr, env) for lr in (1, 2) for env in "ab"):
        for seed in range(2):
            config = {"lr": lr, "env": env, "seed": seed}
            write_run(tmp_path / "rl" / f"{at}-{seed}", config, {"return": [float(at)]})
    _, out, _ = run("table", "rl", "--json")
    assert [(cell["lr"], cell["env"], cell["n"]) for cell in json.loads(out)] == [
        *((1, "a", 2), (1, "b", 2), (2, "a", 2), (2, "b", 2))
    ]
    _, out, _ = run("table", "rl", "--by", "", "--json")
    assert [cell["n"] for cell in json.loads(out)] == [8]
    _, out, _ = run("table", "outputs/0", "outputs/1", "--json")
    assert [cell["n"] for cell in json.loads(out)] == [2]


def test_table_is_for_people_papers_and_pipes(run, tmp_path):
    table = ("table", "--by", "optim.lr", "--summary", "best")
    _, out, _ = run(*table)
    assert ["0.01", "0.355", "±", "0.020", "3"] in map(str.split, out.splitlines())
    _, out, _ = run(*table, "--markdown")
    assert "| 0.01 | **0.355 ± 0.020** | 3 |" in out
    for file, start in (("t.tex", "% max of test/accuracy"), ("t.md", "| lr |"), ("t.json", "[")):
        assert run(*table, "--out", file)[:2] == (0, "")
        assert (tmp_path / file).read_text(encoding="utf-8").startswith(start)
    run("table", "--by", "seed", "--facet", "optim.lr", "--out", "t.csv")
    assert pl.read_csv(tmp_path / "t.csv").columns[:4] == ["seed", "optim.lr", "metric", "summary"]


def test_a_metric_whose_name_does_not_tell_can_be_said_to_be_better_lower(run, tmp_path):
    for lr in (1, 2):
        write_run(tmp_path / "odd" / str(lr), {"lr": lr}, {"thing": [float(lr)]})
    code, _, err = run("table", "odd", "--metric", "thing", "--markdown")
    assert (code, err.count("\n")) == (0, 1)
    assert "Nothing is bold for thing" in err
    _, out, err = run("table", "odd", "--metric", "thing", "--min", "thing", "--markdown")
    assert "**1**" in out
    assert err == ""
    code, _, err = run("table", "odd", "--metric", "thing", "--min", "thin")
    assert (code, "'thin' is not asked for; did you mean 'thing'?" in err) == (2, True)


def test_what_cannot_be_read_is_told_beside_the_answer(run, outputs):
    write_run(outputs / "9", "lr: [", {"test/accuracy": [1.0]})
    code, out, err = run("list", "outputs", "--csv")
    assert code == 0
    assert len(out.splitlines()) == 11
    assert err.startswith(f"exptools list: {outputs}/9/.hydra/config.yaml:2: no valid YAML")


@pytest.mark.parametrize(("broken", "more"), [(3, None), (4, "1 more fault"), (5, "2 more faults")])
def test_of_many_faults_the_first_are_told_and_the_number_of_the_others(run, outputs, broken, more):
    for number in range(broken):
        write_run(outputs / f"broken{number}", "lr: [", {"loss": [1.0]})
    _, _, err = run("list", "outputs")
    said = [f"exptools list: {more} of this kind or another"] if more else []
    assert [line for line in err.splitlines() if "more fault" in line] == said
    assert err.count("no valid YAML") == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lst"], "exptools: there is no command 'lst'; did you mean 'list'?"),
        (["outputs"], "exptools-dash outputs serves it, exptools list outputs lists its runs"),
        (["list", "--metrik", "x"], "exptools list: there is no option '--metrik'; did you mean"),
        (["list", "output"], "there is no directory output; did you mean outputs?"),
        (["list", "--metric", "acuracy"], "no run has logged 'acuracy'; did you mean"),
        (["list", "--where", "lrr = 1"], "no run has a key 'lrr'; did you mean 'optim.lr'?"),
        (["list", "--where", "seed >"], "'seed >' cannot be read as a condition"),
        (["list", "--summary", "lats"], "there is no summary 'lats'; did you mean 'last'?"),
        (["list", "--csv", "--json"], "not allowed with"),
        (["table", "--by", "sed"], "no run has a key 'sed'; did you mean 'seed'?"),
        (["table", "--out", "x.texx"], "x.texx: its suffix does not say what to write; did you"),
        (["table", "--band", "sdt"], "there is no band 'sdt'; did you mean 'std'?"),
        (["plot"], "say where to, as in --out curves.pdf"),
        (["plot", "--out", "x.pdf", "--x", "stp"], "did you mean 'step'?"),
        (["plot", "--out", "x.pdf", "--size", "colum"], "did you mean 'column'?"),
        (["plot", "--out", "no/x.pdf"], "no/x.pdf cannot be written: No such file or directory"),
        (["export", "--out", "no/x.csv"], "no/x.csv cannot be written"),
        (["diff", "outputs"], "required: RIGHT"),
    ],
)
def test_a_wrong_argument_is_answered_in_one_sentence(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["list", "empty"],
            "no runs in empty: a run is a directory with one of these: .hydra/config.yaml (Hydra)",
        ),
        (["list", "--where", "seed > 7"], "there is no run such that seed > 7"),
        (["table", "silent"], "the runs have logged nothing yet"),
        (["export", "deep"], "deep/0/results/results.db (a database)"),
        (["export", "silent"], "the runs have logged nothing yet; not read as metrics: scores.csv"),
    ],
)
def test_where_there_is_nothing_to_do_it_with_the_exit_code_is_1(run, tmp_path, arguments, message):
    (tmp_path / "empty").mkdir()
    (write_run(tmp_path / "silent" / "0", {}) / "scores.csv").write_text("a,b\n1,2\n")
    for part in ("results", "snapshots"):
        (write_run(tmp_path / "deep" / "0", {}) / part).mkdir()
        (tmp_path / "deep" / "0" / part / f"{part}.db").touch()
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_enough_ends_the_command_quietly(outputs, unbuffered):
    write_run(outputs / "long", {}, {"loss": [0.1] * 30_000})
    command = [sys.executable, "-c", COMMAND, "export", "outputs"]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, **pipes) as writer:
        assert writer.stdout.readline() == b"name,step,wall_time,metric,value\n"
        writer.stdout.close()
        assert writer.stderr.read() == b""
    assert writer.returncode == 141


def test_a_terminal_that_lacks_a_letter_and_a_pipe_that_takes_bytes(outputs):
    (outputs / "8").rename(outputs / "ü")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    shown = process("list", "outputs", env=environment)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "?" in shown.stdout
    piped = process("list", "outputs", "--csv", env=environment, encoding="utf-8")
    assert "\nü,outputs,completed,0.1,2," in piped.stdout


def test_a_name_that_is_no_utf_8_or_speaks_to_the_terminal_keeps_no_run_from_being_shown(
    run, outputs
):
    (outputs / "7").rename(outputs / os.fsdecode(b"a\xff"))
    (outputs / "8").rename(outputs / "b\x1b[31m")
    for arguments in (["list"], ["list", "--csv"], ["list", "--json"], ["export"], ["table"]):
        code, out, err = run(*arguments)
        assert (code, err) == (0, "")
        assert "\x1b" not in out or "--csv" in arguments or arguments == ["export"]
    _, out, _ = run("export", "--by", "seed", "--metric", "train/loss")
    assert r"a\udcff,1,0," in out


def test_help_comes_without_the_extra_and_without_loading_it():
    code = (
        "import sys, builtins\n"
        "from exptools.viewing.cli.main import main\n"
        "try: main(['plot', '--help'])\n"
        "except SystemExit: pass\n"
        "print(*{'matplotlib', 'polars', 'numpy', 'rich', 'yaml'} & set(sys.modules))"
    )
    done = process(code=code)
    assert "--facet KEY" in done.stdout
    assert done.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize(("command", "package"), [("plot", "matplotlib"), ("list", "polars")])
def test_without_the_extra_one_sentence_says_how_to_install_it(outputs, command, package):
    missing = f"import sys; sys.modules[{package!r}] = None; {COMMAND}"
    done = process(command, "--out", "x.pdf" if command == "plot" else "x.csv", code=missing)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"exptools {command} needs {package}, which is not installed: "
        "pip install 'hydra-exptools[dash]'\n"
    )


def test_a_command_alone_says_which_commands_there_are(run):
    code, out, _ = run()
    assert code == 2
    assert all(f"\n  {name}" in out for name in ("list", "diff", "export", "table", "plot"))
    assert run("--help")[0] == 0


def test_without_keys_given_those_that_runs_have_of_that_name_themselves_are_no_trap(
    tmp_path, capsys
):
    for job in range(4):
        config = {"name": f"model {job // 2}", "seed": job % 2}
        write_run(tmp_path / "runs" / str(job), config, {"return": [float(job)]})
    assert main(["table", str(tmp_path / "runs"), "--csv"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.startswith("config.name,")
    assert [row.split(",")[0] for row in rows] == ["model 0", "model 1"]


def test_a_key_may_be_typed_by_its_end_and_the_heads_are_such_ends(run):
    _, out, _ = run("list", "outputs")
    heads = out.splitlines()[1].split()
    assert heads[:4] == ["run", "state", "lr", "seed"]
    code, out, _ = run("table", "outputs", "--by", heads[2], "--where", "LR > 0.001 and seed < 2")
    assert (code, out.splitlines()[1].split()[0]) == (0, "lr")
    _, out, _ = run("table", "outputs", "--facet", "lr", "--csv")  # is no row besides
    assert out.splitlines()[0].startswith("lr,metric,summary,center,")
    code, out, _ = run("plot", "outputs", "--by", "seed", "--facet", "lr", "--csv")
    assert (code, out.splitlines()[0].split(",")[:3]) == (0, ["metric", "lr", "seed"])


def test_results_can_be_asked_for(run):
    best = ("--where", "last(test/accuracy) > 0.3 and state = 'completed'")
    _, out, _ = run("list", "outputs", *best, "--json")
    frame = xv.load("outputs").table("test/accuracy")
    assert [one["name"] for one in json.loads(out)] == [
        row["name"] for row in frame.iter_rows(named=True) if row["test/accuracy"] > 0.3
    ]
    code, _, err = run("list", "outputs", "--where", "state = completed")
    assert (code, "a text stands in single quotes: 'completed'" in err) == (2, True)


def test_a_list_of_many_keys_and_long_values_stays_small(run, tmp_path):
    for job in range(2):
        config = {f"key{at}": job + at for at in range(30)} | {"long": f"{job}" * 5000}
        same = {f"k{at}": f"{job}" for at in range(300)}
        write_run(tmp_path / "many" / str(job), config | same, {"loss": [1.0]})
    write_run(tmp_path / "many" / "2", {f"own{at}": at for at in range(500)}, {"loss": [1.0]})
    _, out, err = run("list", "many")
    assert len(out) < 4000
    assert len(err) < 2000
    assert "more" in err
    _, out, _ = run("list", "many", "--csv")
    assert out.splitlines()[0].count(",") > 300
    assert "1" * 5000 in out


def test_a_value_between_steps_is_marked(run):
    _, _, err = run("list", "outputs", "--metric", "train/loss", "--summary", "at:1.5")
    assert "9 runs have not logged train/loss at step 1.5 itself" in err
    _, _, err = run("table", "outputs", "--by", "lr", "--metric", "train/loss", "--summary", "at:1")
    assert err == ""
    for kind in ("--latex", "--markdown"):
        _, out, _ = run("table", "outputs", "--by", "lr", "--summary", "at:1.5", kind)
        assert "is on the straight line between the steps before and after it" in out


def test_a_table_says_what_it_averages_beside_the_seed(run):
    _, _, err = run("table", "outputs", "--by", "sweep", "--metric", "train/loss")
    assert "3 values of lr are averaged: group or filter by lr." in " ".join(err.split())
    _, _, err = run("table", "outputs", "--by", "lr", "--by", "sweep", "--metric", "train/loss")
    assert "averaged" not in err


def test_table_and_plot_say_who_ended_early_once_and_count_only_who_finished_if_told(run, tmp_path):
    write_dying_sweep(tmp_path / "dying")
    early = "Of the 8 runs 5 failed and 1 was killed, with their last values at step 9 of 19"
    code, out, err = run("table", "dying", "--by", "lr")
    assert (code, err) == (0, f"exptools table: {early}.\n")
    assert "8 (6 early)" in out
    _, out, err = run("table", "dying", "--by", "lr", "--states", "finished", "--json")
    assert (json.loads(out)[0]["n"], "6 are left out" in err) == (2, True)
    _, out, err = run("plot", "dying", "--by", "", "--out", "curves.pdf")
    assert f"{early}: the mean is of 2 runs from there on." in out
    assert err == ""
    _, out, err = run("plot", "dying", "--by", "", "--band", "ci:95", "--csv")
    assert early in err
    assert "95 % interval by bootstrap of 2 to 8 runs is too narrow" in err
    code, _, err = run("table", "dying", "--where", "state = 'failed'", "--states", "finished")
    assert (code, "none of these 5 runs has finished" in err) == (1, True)
    code, _, err = run("table", "dying", "--states", "done")
    assert (code, "there is no choice of states 'done'" in err) == (2, True)
    code, _, err = run("table", "dying", "--center", "iqm", "--band", "t:95")
    assert (code, "take ci:95, the bootstrap's" in err) == (2, True)


def listed(out, column=0):
    """A column of a printed table."""
    rows = [line.split() for line in out.splitlines() if line.strip() and "─" not in line]
    return [row[column] for row in rows[1:]]


def test_rows_are_listed_in_the_order_of_a_key_or_a_metric(run, outputs):
    code, out, _ = run("list", str(outputs), "--sort", "-accuracy", "--metric", "test/accuracy")
    values = list(map(float, listed(out, -1)))
    assert code == 0
    assert values == sorted(values, reverse=True)
    _, out, _ = run("list", str(outputs), "--sort", "-lr", "--sort", "seed", "--csv")
    rows = [line.split(",") for line in out.splitlines()]
    lr, seed = rows[0].index("optim.lr"), rows[0].index("seed")
    pairs = [(-float(row[lr]), int(row[seed])) for row in rows[1:]]
    assert pairs == sorted(pairs)
    code, _, err = run("list", str(outputs), "--sort", "sede")
    assert code == 2
    assert "there is no key or metric 'sede' to sort by; did you mean 'seed'?" in err


def test_what_was_asked_for_stays_a_column(run, outputs):
    _, out, _ = run("list", str(outputs), "--where", "lr = 0.1 and state = 'completed'")
    heads = out.split()
    assert "lr" in heads
    assert heads.count("state") == 1


def test_a_run_is_compared_with_the_nearest_of_a_sweep(run, outputs):
    code, out, _ = run("diff", str(outputs / "0"), str(outputs))
    assert code == 0
    assert "1 key differs; no other of the 9 runs is nearer to it" in out
    assert "only" not in out


def test_a_sweep_that_has_only_begun_is_told_in_a_sentence(run, tmp_path):
    alive = {"pid": os.getpid(), "pid_start": process_start(os.getpid())}
    write_run(tmp_path / "begun/0", {"lr": 1}, None, State.QUEUED, **alive)
    for command in (["table"], ["plot", "--csv", "--metric", "loss"], ["export"]):
        code, _, err = run(*command, str(tmp_path / "begun"))
        said = "the run has not logged anything yet: it is queued"
        assert (code, err) == (1, f"exptools {command[0]}: {said}\n")
    code, out, _ = run("list", str(tmp_path / "begun"))
    assert (code, "queued" in out) == (0, True)


@pytest.fixture
def formulas(tmp_path):
    """A run whose texts a spreadsheet would run, and numbers that it should not touch."""
    config = {"note": "=cmd|'/C calc'!A0", "sign": "-1e-3", "at": "@SUM(1)", "plus": "+1e5|x"}
    write_run(tmp_path / "odd" / "-run", config, 'step,"=1+1"\n0,-0.5\n')
    return str(tmp_path / "odd")


def test_values_are_never_changed_unless_they_are_asked_for_without_formulas(run, formulas):
    asked = ["export", formulas, *(f"--by={key}" for key in ("note", "sign", "at", "plus"))]
    (code, exact, _), (_, safe, _) = run(*asked), run(*asked, "--for-spreadsheets")
    row = next(csv.DictReader(io.StringIO(exact)))
    assert code == 0
    assert (row["note"], row["at"], row["metric"]) == ("=cmd|'/C calc'!A0", "@SUM(1)", "=1+1")
    quoted = next(csv.DictReader(io.StringIO(safe)))
    changed = {name: value for name, value in quoted.items() if row[name] != value}
    assert changed == {name: f"'{row[name]}" for name in changed}
    assert {*changed} >= {"note", "at", "plus", "metric"}
    assert (quoted["sign"], quoted["value"]) == ("-0.001", "-0.5")
    _, wide, _ = run("export", formulas, "--wide", "--for-spreadsheets")
    assert wide.splitlines()[0].endswith("'=1+1")


def test_columns_that_would_have_one_name_without_formulas_keep_two(run, tmp_path):
    apostrophes = ["'" * count + "=m" for count in range(3)]
    table = f"step,{','.join(apostrophes)}\n0,1,2,3\n"
    for number in range(2):
        write_run(tmp_path / "odd" / str(number), {"=k": number, "'=k": number}, table)
    root = str(tmp_path / "odd")
    code, wide, _ = run("export", root, "--wide", "--for-spreadsheets")
    head = next(csv.reader(io.StringIO(wide)))
    assert code == 0
    assert head[2:] == ["''=m", "'=m", "'''=m"]
    code, listed, _ = run("list", root, "--csv", "--for-spreadsheets")
    assert code == 0
    assert {"''=k", "'=k"} <= {*next(csv.reader(io.StringIO(listed)))}


def test_what_is_no_csv_has_no_formulas_to_be_asked_about(run, formulas):
    code, _, error = run("list", formulas, "--for-spreadsheets")
    assert code == 2
    assert "--for-spreadsheets is for CSV: say --csv" in error


def test_what_others_have_named_and_said_is_visible_in_every_command(run, tmp_path):
    odd = "\x1b]0;owned\x07\u202e\n"
    root = tmp_path / odd
    for job, rows in enumerate(("step,loss\n0,1\n", f'step,"{odd}"\n0,oops\n')):
        write_run(
            root / f"{odd}{job}", {odd: job, "name": odd}, rows, error=odd, state=State.FAILED
        )
    (root / f"{odd}1" / ".hydra" / "config.yaml").write_text(f"a: [{odd}")
    for command in (["list"], ["diff", str(root)], ["table"], ["plot", "--out", "x.pdf"], ["x"]):
        _, out, error = run(*command, str(root))
        told = [*out.splitlines(), *error.splitlines()]
        assert [line for line in told if not line.isprintable()] == []
    assert r"\x1b]0;owned\x07\u202e" in run("list", str(root))[1]
