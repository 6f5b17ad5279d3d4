"""Nothing that is shown or exported says a secret, and runs that differ in one are not averaged."""

import json
import pickle
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import exptools.viewing as xv
from exptools.run_values import RunValues, write_values
from exptools.rundir import SUMMARY_FILE, State, write_atomic
from exptools.viewing.app.compare.absences import nothing_there
from exptools.viewing.app.run.config import commands
from exptools.viewing.app.run.head import show_status
from exptools.viewing.app.run.medium import medium
from exptools.viewing.app.server import create_app
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.cli.dash import main as dash
from exptools.viewing.cli.main import main
from exptools.viewing.figures.theme import LIGHT
from exptools.viewing.index import Index
from exptools.viewing.run_files.media import Item
from tests.viewing.samples import csv_text, write_run

FIRST, SECOND = "sk-first-111", "sk-second-222"


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two keys with two seeds each; the keys are in the config, names, overrides and commands."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    for secret in (FIRST, SECOND):
        for seed in (0, 1):
            overrides = (f"api_key={secret}", f"seed={seed}")
            directory = tmp_path / "runs" / ",".join(overrides)
            config = {"api_key": secret, "url": f"https://{secret}@host", "seed": seed}
            loss = 1.0 if secret == FIRST else 3.0
            write_run(
                directory,
                config,
                {"loss": [loss]},
                State.FAILED,
                overrides=overrides,
                command=("python", "train.py", "-m", f"api_key={FIRST},{SECOND}", "seed=0,1"),
                error=f"ConnectionError: {secret} was refused",
            )
            write_atomic(directory / ".hydra" / "overrides.yaml", f"- api_key={secret}\n".encode())
            write_atomic(directory / ".hydra" / "hydra.yaml", b"hydra:\n  job:\n    name: train\n")
    write_atomic(tmp_path / "runs" / "multirun.yaml", b"{}\n")
    return tmp_path / "runs"


@pytest.fixture
def said(sweep: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What a command prints, and writes on standard error."""

    def said(*arguments: str) -> str:
        main(arguments)
        return "".join(capsys.readouterr())

    return said


def test_a_directory_that_was_given_is_shown_without_its_secret(
    sweep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index([sweep / f"api_key={FIRST},seed=0"], cache=False)
    index.refresh()
    app = create_app(index)
    assert not has_secret(app.title)
    assert not has_secret(Workspace(index).place)
    client = app.server.test_client()
    for path in ("/", "/_dash-layout"):
        assert not has_secret(client.get(path, headers={"Host": "127.0.0.1"}).text), path


def test_what_lies_beside_a_missing_directory_is_named_without_its_secrets(
    sweep: Path, said: Callable[..., str]
) -> None:
    for root in (sweep / "api_key=x,seed=7", sweep / "nothing alike"):
        assert not has_secret(said("list", str(root)))
        with pytest.raises(xv.QueryError) as error:
            xv.load(root)
        assert not has_secret(str(error.value))


def test_sides_of_a_comparison_are_called_without_their_secrets(
    sweep: Path, said: Callable[..., str]
) -> None:
    one, other = (str(sweep / f"api_key={secret},seed=0") for secret in (FIRST, SECOND))
    assert not has_secret(said("diff", one, other))


def has_secret(text: str) -> bool:
    return FIRST in text or SECOND in text


@pytest.mark.parametrize(
    "command",
    [
        *("list runs", "list runs --json", "list runs --csv", "list runs --by api_key"),
        *("export runs --by api_key", "export runs --by url --json"),
        *("table runs --by api_key", "table runs --by api_key --latex", "table runs --markdown"),
        "plot runs --by api_key --csv",
    ],
)
def test_no_command_says_a_secret_unless_it_is_asked_to(
    said: Callable[..., str], command: str
) -> None:
    text = said(*command.split())
    assert "hidden" in text
    assert not has_secret(text)
    assert has_secret(said(*command.split(), "--show-secrets"))


@pytest.mark.parametrize("kind", ["", "--json", "--csv"])
def test_a_difference_between_secrets_is_told_without_them(
    said: Callable[..., str], sweep: Path, kind: str
) -> None:
    one, other = (str(sweep / f"api_key={secret},seed=0") for secret in (FIRST, SECOND))
    text = said("diff", one, other, *kind.split()).replace(one, "").replace(other, "")
    assert "api_key" in text  # they differ, though they were found by two searches
    assert not has_secret(text)


def test_what_runs_are_said_to_be_holds_no_secret(sweep: Path) -> None:
    runs = xv.load(sweep)
    texts = [repr(run.config) + repr(run.status) + repr(run.name) for run in runs]
    texts += [runs._repr_html_(), *(run._repr_html_() for run in runs), str(runs.table())]
    assert not any(map(has_secret, texts))
    assert len({run.name for run in runs}) == 4
    assert has_secret(repr(xv.load(sweep, show_secrets=True)[0].config))


def test_runs_are_grouped_by_what_is_hidden(sweep: Path) -> None:
    curves = xv.load(sweep).curves("loss", by="api_key")
    assert sorted(group.curve.center[0] for group in curves.groups) == [1.0, 3.0]
    assert [len(group.runs) for group in curves.groups] == [2, 2]
    first = xv.load(sweep)[0].config["api_key"]
    assert len(xv.load(sweep).where(f"api_key = '{first}'")) == 2
    assert len(xv.load(sweep).where("seed = 1")) == 2


def test_a_run_that_has_not_changed_stays_the_same_object(sweep: Path) -> None:
    index = Index([sweep], cache=False)
    index.refresh()
    before = index.snapshot.runs
    write_run(sweep / "new", {"api_key": FIRST})
    assert index.refresh()
    new, *others = sorted(index.snapshot.runs, key=lambda run: run.name != "new")
    assert all(any(run is known for known in before) for run in others)
    assert new.config["api_key"] in {run.config["api_key"] for run in before}


def test_a_directory_that_is_called_as_a_hidden_one_is_another_run(sweep: Path) -> None:
    (called,) = {run.name for run in xv.load(sweep / f"api_key={FIRST},seed=0", sweep)[:1]}
    write_run(sweep / called, {"seed": 5})
    names = [run.name for run in xv.load(sweep)]
    assert len(set(names)) == len(names) == 5


def test_metrics_attempts_and_tables_below_a_run_are_named_without_secrets(
    said: Callable[..., str], tmp_path: Path
) -> None:
    run = write_run(tmp_path / "one", {"lr": 0.1})
    for place in (f"fold_0,password={FIRST}", f"fold_1,password={SECOND}"):
        write_atomic(run / place / "progress.csv", csv_text({"acc": [0.5]}).encode())
    for version in (0, 1):
        directory = run / f"logs,token={FIRST}" / f"version_{version}"
        write_atomic(directory / "metrics.csv", b"step,loss\n0,1\n")
    write_atomic(run / f"password={FIRST}.csv", b"a,b\n1,2\n")
    metrics = repr(xv.load(run).metrics)
    text = metrics + repr(xv.load(run)[0]) + said("list", "one") + said("export", "one")
    assert "password=hidden" in metrics
    assert "earlier attempts" in text
    assert "not read as metrics" in text
    assert not has_secret(text)
    assert has_secret(repr(xv.load(run, show_secrets=True).metrics))


def test_versions_that_differ_in_a_secret_are_not_called_by_it(tmp_path: Path) -> None:
    run = write_run(tmp_path / "one", {"lr": 0.1})
    for version, secret in enumerate((FIRST, SECOND)):
        directory = run / "lightning_logs" / f"version_{version}"
        write_atomic(directory / "metrics.csv", b"step,loss\n0,1\n")
        write_atomic(directory / "hparams.yaml", f"api_key: {secret}\n".encode())
    metrics = xv.load(run).metrics
    assert metrics == ("lightning_logs/version_0/loss", "lightning_logs/version_1/loss")


def test_what_lies_where_there_are_no_runs_is_named_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_atomic(tmp_path / "runs" / f"api_key={FIRST}" / "data.csv", b"a,b\n1,2\n")
    with pytest.warns(UserWarning, match="api_key=hidden") as warned:
        xv.load("runs")
    assert main(["list", "runs"]) == 1
    assert dash(["runs"]) == 1
    said = "".join(capsys.readouterr()) + nothing_there(Index([tmp_path / "runs"], cache=False))
    assert said.count("api_key=hidden") == 3
    assert not has_secret(f"{said}{warned[0].message}")


def test_a_sweep_above_what_was_given_is_named_without_secrets(tmp_path: Path) -> None:
    sweep = tmp_path / f"api_key={FIRST}"
    write_run(sweep / "0", {"lr": 0.1})
    write_atomic(sweep / "multirun.yaml", b"{}\n")
    (run,) = xv.load(sweep)
    assert "api_key=hidden" in str(run.sweep)
    assert not has_secret(str(run.sweep))


def test_runs_in_another_process_hold_no_secret_either(sweep: Path) -> None:
    copy = pickle.loads(pickle.dumps(xv.load(sweep)))
    assert not any(has_secret(repr(run.config)) for run in copy)


def test_the_page_of_a_run_says_no_secret(sweep: Path) -> None:
    index = Index([sweep], cache=False)
    index.refresh()
    workspace = Workspace(index)
    run = index.snapshot.runs[0]
    shown = [*show_status(workspace, {"name": run.name}), *commands(workspace, run)]
    text = json.dumps(shown, default=lambda part: part.to_plotly_json())
    assert "--show-secrets" in text
    assert not has_secret(text)


@pytest.mark.parametrize(
    "overrides",
    [
        ['==":}abc ', "--password ]token'=\"}", "$(touch it) #"],
        ["token:'token ", "$(touch it)"],
        ["--password", "$(touch it){':", "$(touch it)} '"],
    ],
)
def test_what_is_hidden_in_a_command_takes_no_quote_of_the_shells(
    tmp_path: Path, overrides: list[str]
) -> None:
    command = ("python", "train.py")
    run = write_run(tmp_path / "0", {"lr": 1}, overrides=tuple(overrides), command=command)
    write_atomic(run / ".hydra" / "overrides.yaml", json.dumps(overrides).encode())
    write_atomic(run / ".hydra" / "hydra.yaml", b"hydra:\n  runtime:\n    cwd: /home/me\n")
    index = Index([tmp_path], cache=False)
    index.refresh()
    shown = commands(Workspace(index), index.snapshot.runs[0])
    texts = json.dumps(shown, default=lambda part: part.to_plotly_json())
    (text,) = re.findall(r'"value": "(cd (?:[^"\\]|\\.)*)"', texts)
    words = shlex.split(json.loads(f'"{text}"'))
    assert words[:5] == ["cd", "/home/me", "&&", *command]
    assert len(words) == 5 + len(overrides)


def test_hyperparameters_that_were_logged_are_shown_without_secrets(sweep: Path) -> None:
    logged = {"api_key": FIRST, "optim": {"token": SECOND, "lr": 0.1}}
    directory = sweep / f"api_key={FIRST},seed=0"
    write_atomic(directory / "media" / "hparams.json", json.dumps(logged).encode())
    index = Index([sweep], cache=False)
    index.refresh()
    run = next(run for run in index.snapshot.runs if run.directory == directory)
    item = Item("hparams", 0, "hparams", "media/hparams.json", 0.0, 0, "")
    shown = medium(Workspace(index), run, item, lambda *_, **__: "", LIGHT)
    text = json.dumps(shown, default=lambda part: part.to_plotly_json())
    assert "optim.token" in text
    assert not has_secret(text)


def test_a_summary_made_of_a_secret_of_the_config_does_not_say_it(
    said: Callable[..., str], sweep: Path
) -> None:
    write_values(
        sweep / f"api_key={FIRST},seed=0" / SUMMARY_FILE,
        RunValues({"endpoint": f"https://{FIRST}@host", "db.password": SECOND, "best": 0.5}),
    )
    text = said("list", "runs") + said("list", "runs", "--json")
    assert "0.5" in text
    assert "@host" in text
    assert not has_secret(text)


def test_logged_hyperparameters_made_of_a_secret_do_not_say_it(sweep: Path) -> None:
    directory = sweep / f"api_key={FIRST},seed=0"
    write_atomic(directory / "media" / "hparams.json", json.dumps({"at": f"x:{FIRST}@h"}).encode())
    index = Index([sweep], cache=False)
    index.refresh()
    run = next(run for run in index.snapshot.runs if run.directory == directory)
    item = Item("hparams", 0, "hparams", "media/hparams.json", 0.0, 0, "")
    shown = medium(Workspace(index), run, item, lambda *_, **__: "", LIGHT)
    assert not has_secret(json.dumps(shown, default=lambda part: part.to_plotly_json()))


@pytest.mark.parametrize(
    "status",
    [
        {"error": f"HTTPError: 401 for https://host/v1?api_key={FIRST}"},
        {"overrides": ("lr=0.1", f"+api_key={FIRST}")},
        {"command": ("python", "train.py", "--api-key", FIRST)},
        {"command": ("t.py", "--api-key", FIRST), "error": f"E: bad login {FIRST} at h"},
        {"command": ("t.py", f"--api-key={FIRST}"), "error": f"bad login {FIRST}"},
        {"overrides": (f"+db.password='{FIRST}'",), "error": f"https://u:{FIRST}@host"},
        {"overrides": (f"+y={{a:{{password:{FIRST}}},b:{FIRST}}}",)},
        {"command": ("t.py", f'{{"api_key": "{FIRST}"}}'), "error": f"bad login {FIRST}"},
        {"command": ("t.py", f"--url=https://h/?api_key={FIRST}&x=1"), "error": f"at {FIRST}"},
        {"command": ("t.py", f"--api-key={FIRST},{SECOND}"), "error": f"{FIRST} or {SECOND}"},
        {"overrides": (f"db.password=[{FIRST},{SECOND}]",), "error": f"{FIRST} or {SECOND}"},
        {"error": f"password={FIRST} is wrong; {FIRST} at h"},
    ],
)
def test_a_status_hides_its_secrets_where_the_config_has_none(
    tmp_path: Path, status: dict[str, Any]
) -> None:
    write_run(tmp_path / "run", {"lr": 0.1}, None, State.FAILED, **status)
    (run,) = xv.load(tmp_path)
    assert "hidden " in repr(run.status)
    assert not has_secret(repr(run.status))
