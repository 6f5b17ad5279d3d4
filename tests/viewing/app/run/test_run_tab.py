"""The tab of one run without a browser: what its callbacks answer."""

import json
import math
import threading
from functools import partial
from pathlib import Path

import pytest
from dash import no_update

from exptools.rundir import OUTPUT_LOG, PATCH_FILE, PROVENANCE_FILE, State, write_atomic
from exptools.viewing.app.run import attempts, config, log, media
from exptools.viewing.app.run.log import ShownLog
from exptools.viewing.app.run.medium import medium
from exptools.viewing.app.run.reading import MediaCache
from exptools.viewing.app.run.tab import show_run
from exptools.viewing.app.run.tables import Piece, Table
from exptools.viewing.app.view import View
from exptools.viewing.app.workspace import Workspace
from exptools.viewing.figures.theme import LIGHT
from exptools.viewing.run_files.media import Item, MediaIndex
from tests.viewing.samples import indexed, write_events, write_run, write_sweep


def text_of(component) -> str:
    """All that a component shows."""
    if component is None or isinstance(component, (str, int, float)):
        return str(component or "")
    if isinstance(component, (list, tuple)):
        return " ".join(map(text_of, component))
    return text_of(getattr(component, "children", None))


@pytest.fixture
def workspace(tmp_path):
    write_sweep(tmp_path / "sweep", steps=3)
    return Workspace(indexed(tmp_path))


def gif_of(side: int, frames: int) -> bytes:
    """A GIF of frames with nothing in them."""
    sides = side.to_bytes(2, "little") * 2
    return b"GIF89a" + sides + bytes(3) + (b"," + bytes(4) + sides + b"\0\2\0") * frames


def png_head(width: int, height: int) -> bytes:
    """All of a PNG that says how large it is."""
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR" + size


def shown(workspace, before=None, **chosen):
    return show_run(workspace, data=View(**chosen).to_data(), version=0, before=before)


def on_tab(workspace, run="", before=None):
    return shown(workspace, before, tab="run", run=run)


def test_while_another_tab_is_shown_the_tab_of_a_run_costs_nothing(workspace):
    answers = shown(workspace)
    assert answers.pop("stands")
    assert all(answer is no_update for answer in answers.values())


def test_a_run_that_has_not_changed_is_not_sent_again(workspace):
    first = on_tab(workspace, "sweep/4")
    assert (first["shown"]["name"], first["run"], first["stands"]) == ("sweep/4", "sweep/4", True)
    assert len(first["runs"]) == 9
    assert {"path": ("seed",), "text": "1", "kind": "int", "cut": False} in first["config"]
    again = on_tab(workspace, "sweep/4", first["shown"])
    assert {again[name] for name in ("shown", "config", "runs", "partners")} == {no_update}


def test_the_clock_ticks_for_a_run_to_which_more_may_happen(tmp_path):
    run = write_run(tmp_path / "runs" / "0", {}, state=State.RUNNING)
    workspace = Workspace(indexed(tmp_path / "runs"))
    assert on_tab(workspace, "0")["stands"] is False
    write_run(run, {}, state=State.FAILED)
    workspace.index.refresh()
    assert on_tab(workspace, "0")["stands"] is True


def test_without_a_choice_the_run_that_runs_is_shown(tmp_path):
    for job in range(3):
        state = State.RUNNING if job == 1 else State.COMPLETED
        write_run(tmp_path / "runs" / str(job), {}, {"a": [1.0]}, state=state)
    assert on_tab(Workspace(indexed(tmp_path / "runs")))["run"] == "1"


def test_a_run_that_is_gone_is_answered_with_the_nearest_name(workspace):
    gone = on_tab(workspace, "sweep/44")
    assert gone["sentence"] == "There is no run 'sweep/44' any more; did you mean 'sweep/4'?"
    assert (gone["class_name"], gone["stands"]) == ("run-hidden", True)


def test_an_answer_writes_no_select_again_in_which_somebody_may_be_choosing(tmp_path):
    run = write_run(tmp_path / "0", {}, state=State.RUNNING)
    (run / OUTPUT_LOG).write_text("one\n")
    (run / "other.log").write_text("two\n")
    workspace = Workspace(indexed(tmp_path))
    first = on_tab(workspace, "0")
    assert first["run"] == "0"
    assert on_tab(workspace, "0", first["shown"])["run"] is no_update
    shown = log_answer(workspace, workspace.run("0"), "run-shown", None, name=None)["shown"]
    (run / OUTPUT_LOG).write_text("one\nmore\n")
    then = log_answer(workspace, workspace.run("0"), "run-clock", shown)
    assert then["log"] is no_update
    assert then["lines"] is not no_update


def log_answer(workspace, run, asked, before, name=OUTPUT_LOG):
    return log.answer(workspace, run, name, asked, before and ShownLog(**before))


def test_a_log_is_followed_and_only_the_new_lines_are_sent(workspace):
    run = workspace.run("sweep/0")
    file = run.directory / OUTPUT_LOG
    file.write_text("one\ntw")
    first = log_answer(workspace, run, "run-shown", None, name=None)
    assert first["lines"] == {"how": "end", "at": None, "lines": ("one\n",), "rest": "tw"}
    assert (first["logs"], first["log"]) == ([OUTPUT_LOG], OUTPUT_LOG)
    file.write_text("one\ntwo\n")
    then = log_answer(workspace, run, "run-clock", first["shown"])
    assert then["lines"] == {"how": "after", "at": 4, "lines": ("two\n",), "rest": ""}
    assert log_answer(workspace, run, "run-clock", then["shown"]) is no_update
    assert log_answer(workspace, run, "run-shown", then["shown"])["lines"]["how"] == "end"
    assert then["shown"]["completed"]  # and so no button leads to its error


@pytest.mark.parametrize("target", ["outside", "nowhere"])
def test_a_log_that_may_not_be_shown_is_a_sentence(workspace, tmp_path_factory, target):
    run = workspace.run("sweep/0")
    secret = tmp_path_factory.mktemp("elsewhere") / "secret"
    secret.write_text("the secret")
    target = {"outside": secret, "nowhere": Path("nowhere")}[target]
    (run.directory / OUTPUT_LOG).symlink_to(target)
    answer = log_answer(workspace, run, "run-shown", None, name=None)
    assert answer["lines"]["lines"] == ()
    note = answer["note"]
    assert "secret" not in note.replace(OUTPUT_LOG, "")
    assert note.startswith(f"'{OUTPUT_LOG}' ")


def test_of_a_run_without_a_log_one_sentence_says_so(workspace):
    answer = log_answer(workspace, workspace.run("sweep/0"), "run-shown", None)
    assert answer["note"] == "It left no log."


def shown_medium(workspace, path, kind="image"):
    run = workspace.run("sweep/0")
    item = Item("tag", 1, kind, path, 0.0, 1, "00")
    return media.medium(workspace, run, item, lambda run, path: f"/file?{run}&{path}", LIGHT)


@pytest.mark.parametrize("kind", ["image", "gif", "text", "histogram", "figure", "hparams"])
def test_a_medium_outside_of_the_run_or_gone_is_a_sentence(workspace, kind, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "1.json"
    secret.write_text('{"data": [], "secret": 1}')
    directory = workspace.run("sweep/0").directory / "media"
    directory.mkdir()
    (directory / "link.json").symlink_to(secret)
    (directory / "torn.json").write_text('{"data": [')
    for path in (
        "media/../../../x",
        "/etc/passwd",
        "media/link.json",
        "media/none.json",
        *(["media/torn.json"] if kind not in ("text", "hparams") else []),
        "media",
        "media/\0",
    ):
        shown = shown_medium(workspace, path, kind)
        assert shown.className == "run-nothing"
        assert "secret" not in text_of(shown)


@pytest.mark.parametrize("odd", ["9" * 20, '"\\ud800"', "[" * 300 + "]" * 300])
def test_a_figure_that_cannot_be_sent_is_a_sentence(workspace, odd):
    path = workspace.run("sweep/0").directory / "media/figure.json"
    write_atomic(path, f'{{"data": [{{"type": "bar", "customdata": [{odd}]}}]}}'.encode())
    shown = shown_medium(workspace, "media/figure.json", "figure")
    assert "media/figure.json cannot be " in text_of(shown)


@pytest.mark.parametrize("shape", ["list", "long"])
def test_no_hparams_say_a_secret_whatever_their_shape(workspace, shape):
    hparams = {"api_key": "sk-abcdef", "more": "x" * (200_000 if shape == "long" else 1)}
    path = workspace.run("sweep/0").directory / "media" / "1.json"
    path.parent.mkdir()
    path.write_text(json.dumps([hparams] if shape == "list" else hparams))
    said = text_of(shown_medium(workspace, "media/1.json", "hparams"))
    assert "api_key" in said
    assert "sk-abcdef" not in said


def test_a_slider_that_stood_at_the_newest_follows_and_another_stays():
    ids = [{"tag": "a"}, {"tag": "b"}]
    assert media.positions([9, 3], ids, [9, 9]) == {"b": 3}


def test_media_are_found_by_a_part_of_their_tag(workspace):
    run = workspace.run("sweep/0")
    (run.directory / "media").mkdir()
    lines = [
        json.dumps({"tag": f"eval/{n}", "step": 0, "kind": "text", "path": "media/x"})
        for n in range(30)
    ]
    (run.directory / "media" / "index.jsonl").write_text("\n".join([*lines, "torn", ""]))
    logged = MediaCache(workspace).get(run)
    assert len(media.matching(logged, "EVAL/1")) == 11
    note = media.note(logged, media.matching(logged, ""))
    assert note == ("24 of 30 tags: filter to see others. 1 line of the index cannot be read.")


def test_the_media_of_a_run_do_not_wait_for_those_of_another(workspace, monkeypatch):
    slow, quick = workspace.run("sweep/0"), workspace.run("sweep/1")
    for run in (slow, quick):
        (run.directory / "media").mkdir()
        (run.directory / "media" / "index.jsonl").touch()
    began, ended, follow = threading.Event(), threading.Event(), MediaIndex.follow

    def wait_for_the_other(index, file):
        if Path(f"/proc/self/fd/{file.fileno()}").readlink().is_relative_to(slow.directory):
            began.set()
            assert ended.wait(60)
        return follow(index, file)

    monkeypatch.setattr(MediaIndex, "follow", wait_for_the_other)
    cache = MediaCache(workspace)
    reader = threading.Thread(target=cache.get, args=(slow,))
    reader.start()
    assert began.wait(60)
    assert cache.get(quick).items == {}
    ended.set()
    reader.join()


def test_differences_are_shown_from_most_of_the_sweep_or_from_one_run(workspace):
    run = workspace.run("sweep/4")
    lr, seed = config.compared(workspace, run, config.GROUP).rows
    value, share = partial(Piece, style="value"), Piece("3 of 9", "muted")
    assert lr == (
        ((Piece("optim.lr"),),),
        ((value("0.01"), share),),
        ((value("0.001"), share), (value("0.1"), share)),
    )
    assert seed[0] == ((Piece("seed"),),)
    other = config.compared(workspace, run, "run:sweep/5")
    assert other.heads == ("Key", "This run", "sweep/5")
    assert other.rows == ((((Piece("seed"),),), ((value("1"),),), ((value("2"),),)),)
    same = config.compared(workspace, run, "run:sweep/4")
    assert same == Table(sentence="Their configs are the same.")
    assert "no run 'x'" in config.compared(workspace, run, "run:x").sentence


def test_commands_need_no_status(tmp_path):
    run = write_run(tmp_path / "runs" / "0", {"a": 1}, state=None)
    (run / ".hydra" / "overrides.yaml").write_text("- a=1\n- b='it is'\n")
    (run / ".hydra" / "hydra.yaml").write_text("hydra: {job: {name: train}, runtime: {cwd: /x}}\n")
    (run / "events.out.tfevents.1").write_text("")
    workspace = Workspace(indexed(tmp_path / "runs"))
    shown = text_of(config.commands(workspace, workspace.run("0")))
    assert """cd /x && python train.py a=1 'b='"'"'it is'"'"''""" in shown
    assert f"tensorboard --host localhost --logdir {run}" in shown


def test_a_run_without_hydra_is_run_again_by_the_command_of_its_provenance(tmp_path):
    run = tmp_path / "runs" / "0"
    facts = {"command": ["python", "train.py", "--lr", "0.1"], "directory": "/home/me"}
    write_atomic(run / PROVENANCE_FILE, json.dumps(facts).encode())
    (run / "progress.csv").write_text("step,wall_time,loss\n0,1.0,0.5\n")
    workspace = Workspace(indexed(tmp_path / "runs"))
    shown = text_of(config.commands(workspace, workspace.run("0")))
    assert "cd /home/me && python train.py --lr 0.1" in shown


def test_earlier_attempts_are_listed_with_their_rows_the_latest_first(tmp_path):
    run = write_run(tmp_path / "runs" / "0", {})
    for attempt in range(3):
        write_events(run / "tb" / f"version_{attempt}", {"loss": [1.0] * (attempt + 1)})
    workspace = Workspace(indexed(tmp_path / "runs"))
    table, class_name = attempts.show_attempts(workspace, {"name": "0"}, 0)
    cells = [[cell[0][0]["text"] for cell in row[:2]] for row in table["rows"]]
    assert (cells, class_name) == ([["tb/version_1", "2"], ["tb/version_0", "1"]], "card")
    assert "newest attempt is the run" in table["sentence"]


def test_a_run_without_earlier_attempts_has_no_card_of_them(workspace):
    table, class_name = attempts.show_attempts(workspace, {"name": "sweep/0"}, 0)
    assert (table["sentence"], class_name) == ("", "card run-empty")


def test_what_hydra_has_saved_may_be_broken(tmp_path):
    run = write_run(tmp_path / "runs" / "0", {"a": 1}, state=None)
    (run / ".hydra" / "overrides.yaml").write_bytes(b"\xff\xfe")
    workspace = Workspace(indexed(tmp_path / "runs"))
    shown = text_of(config.commands(workspace, workspace.run("0")))
    assert "overrides.yaml cannot be read" in shown


def test_what_the_changes_in_the_code_lack_is_said_before_them(tmp_path):
    run = write_run(tmp_path / "runs" / "0", {})
    git = {"left_out": [{"path": "model.pt", "reason": "binary"}], "left_out_count": math.inf}
    (run / PROVENANCE_FILE).parent.mkdir(exist_ok=True)
    (run / PROVENANCE_FILE).write_text(json.dumps({"git": git}))
    workspace = Workspace(indexed(tmp_path / "runs"))
    (shown_one,) = workspace.index.snapshot.runs
    assert config.patch_text(workspace, shown_one) == "Not in these changes:\nmodel.pt: binary"
    git = {"left_out": [{"path": "model.pt", "reason": "binary"}], "left_out_count": 3}
    (run / PROVENANCE_FILE).write_text(json.dumps({"git": git}))
    lacks = "Not in these changes:\nmodel.pt: binary\nand 2 more"
    assert config.patch_text(workspace, shown_one) == lacks
    (run / PATCH_FILE).write_text("+new")
    assert config.patch_text(workspace, shown_one) == f"{lacks}\n\n+new"
    (run / PROVENANCE_FILE).write_text("{")
    assert config.patch_text(workspace, shown_one) == "+new"


@pytest.mark.parametrize(
    ("head", "is_shown"),
    [
        (png_head(4096, 4096), True),
        (png_head(4097, 4096), False),
        (png_head(2**31 - 1, 2**31 - 1), False),
        (png_head(1, 2**31 - 1), False),
        (b"GIF89a" + b"\xff" * 4, False),
        (gif_of(2048, 64), True),
        (gif_of(2048, 65), False),
    ],
)
def test_an_image_of_very_many_pixels_is_a_link(tmp_path, head, is_shown):
    run = write_run(tmp_path / "0", {})
    path = "media/x.gif" if head.startswith(b"GIF") else "media/x.png"
    write_atomic(run / path, head + bytes(100))
    workspace = Workspace(indexed(tmp_path))
    item = Item("x", 0, "image", path, 0.0, len(head), "0" * 64)
    made = medium(workspace, workspace.run("0"), item, lambda *_, **__: "/file", LIGHT)
    assert ("Img" in repr(made)) == is_shown
    assert ("pixels" in text_of(made)) != is_shown
    assert "/file&v=000000000000" in repr(made)
