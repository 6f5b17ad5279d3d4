"""The tab of one run without a browser: what its callbacks answer."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from dash import no_update

from exptools.rundir import OUTPUT_LOG, State
from exptools.viewing.app.run import config as run_config
from exptools.viewing.app.run import log as run_log
from exptools.viewing.app.run import media as run_media
from exptools.viewing.app.run import tab as run_tab
from exptools.viewing.app.run import tables as run_tables
from exptools.viewing.app.run.log import Shown
from exptools.viewing.app.run.reading import MediaCache, Unreadable, read
from exptools.viewing.app.view import View
from exptools.viewing.figures.theme import LIGHT
from exptools.viewing.run_files.media import Item
from tests.viewing.samples import indexed, write_run, write_sweep


def text_of(component) -> str:
    """All that a component shows."""
    if component is None or isinstance(component, (str, int, float)):
        return str(component or "")
    if isinstance(component, (list, tuple)):
        return " ".join(map(text_of, component))
    return text_of(getattr(component, "children", None))


@pytest.fixture
def index(tmp_path):
    write_sweep(tmp_path / "sweep", steps=3)
    return indexed(tmp_path)


def run_named(index, name):
    return next(run for run in index.snapshot.runs if run.name == name)


def on_tab(run=""):
    return View(tab="run", run=run)


def test_while_another_tab_is_shown_the_tab_of_a_run_costs_nothing(index):
    *others, disabled = run_tab.update(index, View(), None)
    assert disabled
    assert all(answer is no_update for answer in others)


def test_a_run_that_has_not_changed_is_not_sent_again(index):
    shown, rows, options, value, *_, disabled = run_tab.update(index, on_tab("sweep/4"), None)
    assert (shown["name"], value, len(options), disabled) == ("sweep/4", "sweep/4", 9, True)
    assert [["seed"], "1", "int", False] in rows
    again = run_tab.update(index, on_tab("sweep/4"), shown)
    assert again[:3] == (no_update,) * 3
    assert again[4] is no_update


def test_the_clock_ticks_for_a_run_to_which_more_may_happen(tmp_path):
    run = write_run(tmp_path / "runs" / "0", {}, state=State.RUNNING)
    index = indexed(tmp_path / "runs")
    assert run_tab.update(index, on_tab("0"), None)[-1] is False
    write_run(run, {}, state=State.FAILED)
    index.refresh()
    assert run_tab.update(index, on_tab("0"), None)[-1] is True


def test_without_a_choice_the_run_that_runs_is_shown(tmp_path):
    for job in range(3):
        state = State.RUNNING if job == 1 else State.COMPLETED
        write_run(tmp_path / "runs" / str(job), {}, {"a": [1.0]}, state=state)
    assert run_tab.choose(indexed(tmp_path / "runs"), "").run.name == "1"


def test_a_run_that_is_gone_is_answered_with_the_nearest_name(index):
    *_, sentence, hidden, disabled = run_tab.update(index, on_tab("sweep/44"), None)
    assert sentence == "There is no run 'sweep/44' any more; did you mean 'sweep/4'?"
    assert (hidden, disabled) == ("run-hidden", True)


def log_answer(index, run, asked, before, name=OUTPUT_LOG):
    return run_log.answer(index, run, name, asked, before)


def test_a_log_is_followed_and_only_the_new_lines_are_sent(index):
    run = run_named(index, "sweep/0")
    log = run.directory / OUTPUT_LOG
    log.write_text("one\ntw")
    new, _, names, name, shown = log_answer(index, run, "run-shown", None)
    assert new == {"how": "end", "at": None, "lines": ["one\n"], "rest": "tw"}
    assert (names, name) == ([OUTPUT_LOG], OUTPUT_LOG)
    log.write_text("one\ntwo\n")
    new, *_, shown = log_answer(index, run, "run-clock", Shown(**shown))
    assert new == {"how": "after", "at": 4, "lines": ["two\n"], "rest": ""}
    assert log_answer(index, run, "run-clock", Shown(**shown)) is run_log.SAME
    assert log_answer(index, run, "run-shown", Shown(**shown))[0]["how"] == "end"


def test_an_earlier_part_and_the_error_are_found_in_a_long_log(index):
    run = run_named(index, "sweep/0")
    filler = "nothing of note\n" * 40_000
    log = run.directory / OUTPUT_LOG
    log.write_text(f"begin\n{filler}Traceback (most recent call last):\n  x\n{filler}")
    *_, shown = log_answer(index, run, "run-shown", None)
    assert shown["start"] > 400_000
    new, *_, after = log_answer(index, run, "run-log-jump", Shown(**shown))
    assert (new["how"], new["lines"][1]) == ("error", "Traceback (most recent call last):")
    assert not after["follows"]
    assert log_answer(index, run, "run-clock", Shown(**after)) is run_log.SAME  # stays there
    new, *_, earlier = log_answer(index, run, "run-log-earlier", Shown(**after))
    assert (new["how"], new["at"]) == ("before", after["start"])
    assert earlier["start"] < after["start"]
    *_, last = log_answer(index, run, "run-log-last", Shown(**earlier))
    assert last["follows"]


@pytest.mark.parametrize("target", ["outside", "nowhere"])
def test_a_log_that_may_not_be_shown_is_a_sentence(index, tmp_path_factory, target):
    run = run_named(index, "sweep/0")
    secret = tmp_path_factory.mktemp("elsewhere") / "secret"
    secret.write_text("the secret")
    target = {"outside": secret, "nowhere": Path("nowhere")}[target]
    (run.directory / OUTPUT_LOG).symlink_to(target)
    new, note, *_ = run_log.answer(index, run, None, "run-shown", None)
    assert new is run_log.EMPTY
    assert "secret" not in note.replace(OUTPUT_LOG, "")
    assert note.startswith(f"'{OUTPUT_LOG}' ")


def test_nothing_is_read_outside_of_the_run(index):
    run = run_named(index, "sweep/0")
    with pytest.raises(Unreadable, match="no path of a file in a run"):
        read(index, run, "../1/progress.csv", lambda file: file.read())


def test_of_a_run_without_a_log_one_sentence_says_so(index):
    assert log_answer(index, run_named(index, "sweep/0"), "run-shown", None)[1] == "It left no log."


def medium(index, path, kind="image"):
    run = run_named(index, "sweep/0")
    item = Item("tag", 1, kind, path, 0.0, 1, "00")
    return run_media.medium(index, run, item, lambda run, path: f"/file?{run}&{path}", LIGHT)


@pytest.mark.parametrize("kind", ["image", "gif", "text", "histogram", "figure", "hparams"])
def test_a_medium_outside_of_the_run_or_gone_is_a_sentence(index, kind, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "1.json"
    secret.write_text('{"data": [], "secret": 1}')
    media = run_named(index, "sweep/0").directory / "media"
    media.mkdir()
    (media / "link.json").symlink_to(secret)
    (media / "torn.json").write_text('{"data": [')
    for path in (
        "media/../../../x",
        "/etc/passwd",
        "media/link.json",
        "media/none.json",
        *(["media/torn.json"] if kind not in ("text", "hparams") else []),
        "media",
        "media/\0",
    ):
        shown = medium(index, path, kind)
        assert shown.className == "run-nothing"
        assert "secret" not in text_of(shown)


def test_a_picture_is_sent_by_its_address_and_a_text_as_text(index):
    media = run_named(index, "sweep/0").directory / "media"
    media.mkdir()
    (media / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 8 + b"\0\0\0\x08" * 2)
    (media / "1.txt").write_text("<script>alert(1)</script>")
    link = medium(index, "media/1.png")
    assert link.href == "/file?sweep/0&media/1.png&v=00"
    assert (link.children.width, link.children.className) == (8, "run-pixels")
    assert medium(index, "media/1.txt", "text").children == "<script>alert(1)</script>"


def test_a_slider_that_stood_at_the_newest_follows_and_another_stays():
    ids = [{"tag": "a"}, {"tag": "b"}]
    assert run_media.positions([9, 3], ids, [9, 9]) == {"b": 3}


def test_media_are_found_by_a_part_of_their_tag(index):
    run = run_named(index, "sweep/0")
    (run.directory / "media").mkdir()
    lines = [
        json.dumps({"tag": f"eval/{n}", "step": 0, "kind": "text", "path": "media/x"})
        for n in range(30)
    ]
    (run.directory / "media" / "index.jsonl").write_text("\n".join([*lines, "torn", ""]))
    media = MediaCache(index).get(run)
    assert len(run_media.matching(media, "EVAL/1")) == 11
    note = run_media.note(media, run_media.matching(media, ""))
    assert note == (
        "24 of 30 tags: filter to see others. 1 lines of the index make no sense and are left out."
    )


def test_differences_are_shown_from_most_of_the_sweep_or_from_one_run(index):
    run = run_named(index, "sweep/4")
    (lr, seed) = run_config.compared(index, run, run_config.GROUP)["rows"]
    assert lr == [
        [[["", "optim.lr"]]],
        [[["value", "0.01"], ["muted", "3 of 9"]]],
        [[["value", "0.001"], ["muted", "3 of 9"]], [["value", "0.1"], ["muted", "3 of 9"]]],
    ]
    assert seed[0] == [[["", "seed"]]]
    other = run_config.compared(index, run, "run:sweep/5")
    assert other["heads"] == ["Key", "This run", "sweep/5"]
    assert other["rows"] == [[[[["", "seed"]]], [[["value", "1"]]], [[["value", "2"]]]]]
    same = run_config.compared(index, run, "run:sweep/4")
    assert same == run_tables.saying("Their configs are the same.")
    assert "no run 'x'" in run_config.compared(index, run, "run:x")["say"]


def test_commands_need_no_status(tmp_path):
    run = write_run(tmp_path / "runs" / "0", {"a": 1}, state=None)
    (run / ".hydra" / "overrides.yaml").write_text("- a=1\n- b='it is'\n")
    (run / ".hydra" / "hydra.yaml").write_text("hydra: {job: {name: train}, runtime: {cwd: /x}}\n")
    (run / "events.out.tfevents.1").write_text("")
    index = indexed(tmp_path / "runs")
    shown = text_of(run_config.commands(index, index.snapshot.runs[0]))
    assert """cd /x && python train.py a=1 'b='"'"'it is'"'"''""" in shown
    assert f"tensorboard --host localhost --logdir {run}" in shown


def test_what_hydra_has_saved_may_be_broken(tmp_path):
    run = write_run(tmp_path / "runs" / "0", {"a": 1}, state=None)
    (run / ".hydra" / "overrides.yaml").write_bytes(b"\xff\xfe")
    index = indexed(tmp_path / "runs")
    shown = text_of(run_config.commands(index, index.snapshot.runs[0]))
    assert "overrides.yaml cannot be read" in shown


def test_ten_thousand_values_of_one_run_are_bounded(tmp_path):
    config = "\n".join(f"k{n}: {'x' * 900}" for n in range(1000))
    write_run(Path(tmp_path / "runs" / "0"), config)
    run = indexed(tmp_path / "runs").snapshot.runs[0]
    rows, digest = run_config.config_rows(run)
    assert len(rows) == 1000
    assert digest == run_config.config_rows(run)[1]
    assert asdict(Shown("a", "b"))["follows"]
