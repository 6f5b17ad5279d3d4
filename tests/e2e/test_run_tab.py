"""The tab of one run in a real browser: everything of it is seen, followed, and never obeyed."""

import io
import json
import os
import re
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image
from playwright.sync_api import expect

from exptools.launching.usage import HEADER, USAGE_FILE
from exptools.logging.media.audio import encode_audio
from exptools.logging.media.histograms import encode_histogram
from exptools.logging.media.store import EncodedMedium
from exptools.logging.media.tables import encode_table
from exptools.rundir import (
    OUTPUT_LOG,
    PATCH_FILE,
    State,
    process_start,
    update_status,
    write_atomic,
)
from tests.media_samples import store_file, write_medium
from tests.viewing.samples import write_run, write_summary, write_sweep

TINY_VIDEO = Path(__file__).with_name("tiny.mp4")  # 16 × 16 pixels, 20 frames, 10 a second
EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
ERROR = "RuntimeError: CUDA out of memory"
COMMAND_OF_SWEEP = ("/usr/bin/python3", "train.py", "-m", "optim.lr=1e-3,1e-2", "seed=range(3)")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("outputs")
    write_sweep(root / "sweep")
    crashed = root / "sweep" / "3"
    update_status(
        crashed,
        **{"state": State.FAILED, "started": 1.7e9, "ended": 1.7e9 + 3000, "exit_code": 1},
        **{"error": ERROR, "attempt": 2, "host": "node7", "slot": 1, "cpus": "0-3"},
        **{"gpus": ("GPU-8c1f2d3e",), "git": {"commit": "1a2b3c4d5e6f", "dirty": True}},
        command=COMMAND_OF_SWEEP,
    )
    write_atomic(crashed / ".hydra/hydra.yaml", b"hydra: {runtime: {cwd: /my code}}\n")
    write_atomic(crashed / PATCH_FILE, b"-lr = 1\n+lr = 2\n")
    (crashed / "events.out.tfevents.1").write_bytes(b"")
    filler = "".join(f"\x1b[32mepoch {number}\x1b[0m\n" for number in range(40_000))
    trace = f"Traceback (most recent call last):\n  File train.py\n{ERROR}\n"
    (crashed / OUTPUT_LOG).write_text(filler + trace + filler)
    (crashed / "train.log").write_text("of Hydra's own\n")
    samples = "".join(f"{1.7e9 + 2 * n},{n % 100},{2**30},,\n" for n in range(1000))
    write_atomic(crashed / USAGE_FILE, (HEADER + samples).encode())
    write_atomic(crashed / "snapshots" / "itr_40.pkl", b"x" * 2000)
    write_media(crashed)
    write_summary(crashed, best_accuracy=0.9125, note="of the last epoch")
    write_what_is_played(root / "sweep" / "2")
    write_run(root / "large", "\n".join(large_config()), {"a": [1.0]})
    write_hostile(root / "hostile <b>")
    alive = {"pid": os.getpid(), "pid_start": process_start(os.getpid()), "started": time.time()}
    live = write_run(root / "live", {"a": 1}, {"a": [1.0]}, state=State.RUNNING, **alive)
    (live / OUTPUT_LOG).write_text("".join(f"line {number}\n" for number in range(200)) + "10%")
    return root


def large_config():
    for group in range(50):
        yield f"group{group}:"
        yield from (f"  key{key}: {group * 100 + key}" for key in range(99))
    yield f"long: {'word ' * 200}the end"


def log(run, tag, kind, suffix, content, step=0):
    write_medium(run, tag, step, EncodedMedium(kind, suffix, content), 1.7e9)


def picture(mode, suffix, *color):
    content = io.BytesIO()
    Image.new(mode, (8, 8), *color).save(content, suffix)
    return content.getvalue()


def write_media(run):
    for step in (0, 100, 200):
        log(run, "eval/frame", "image", "png", picture("RGB", "png", (step, 0, 0)), step)
        write_medium(run, "grads", step, encode_histogram("grads", [0.0, 1.0, step]), 1.7e9)
        log(run, "samples", "text", "txt", f"a sample of {step}".encode(), step)
    log(run, "eval/rollout", "gif", "gif", picture("P", "gif"))
    figure = {"data": [{"type": "scatter", "y": [1, 3, 2]}], "layout": {"title": {"text": "walk"}}}
    log(run, "walk", "figure", "json", json.dumps(figure).encode())
    polar = {"data": [{"type": "scatterpolar", "r": [1, 2], "theta": [0, 90]}], "layout": {}}
    log(run, "wind", "figure", "json", json.dumps(polar).encode())
    (run / "weights.bin").write_bytes(b"12345")
    store_file(run, "weights", run / "weights.bin", 7, 1.7e9, link=False)


def write_what_is_played(run):
    write_medium(run, "rollout", 3, EncodedMedium("video", "mp4", TINY_VIDEO.read_bytes()), 1.7e9)
    write_medium(run, "tone", 3, encode_audio("tone", [0.0] * 16_000, 8000), 1.7e9)
    rows = [{"text": f"{EVIL} {number}", "score": number / 7} for number in range(30)]
    write_medium(run, "samples", 3, encode_table("samples", rows), 1.7e9)


def write_hostile(run):
    write_run(run, {"title": EVIL, EVIL: 1}, {"a": [1.0]}, state=State.FAILED, error=EVIL)
    (run / OUTPUT_LOG).write_bytes(EVIL.encode() + b"\n\0\xff\x1b[999m" + os.urandom(5000) + b"\n")
    (run / "snapshots").symlink_to("/etc")
    write_atomic(run / USAGE_FILE, b"\0" * 100 + b"\n")
    write_atomic(run / ".hydra/overrides.yaml", f"- '{EVIL.replace(chr(39), '')}'\n".encode())
    log(run, EVIL, "text", "txt", EVIL.encode())
    elsewhere = {"type": "image", "source": "http://127.0.0.1:9/elsewhere.png"}
    scatter = {"type": "scatter", "y": [1], "name": EVIL, "text": [EVIL], "mode": "text"}
    layout = {"title": {"text": f"{EVIL}<a href='javascript:window.hacked=3'>x</a>"}}
    figure = {"data": [elsewhere, scatter, {"type": "no such"}, 7], "layout": layout}
    log(run, "evil", "figure", "json", json.dumps(figure).encode())
    log(run, "page", "image", "png", EVIL.encode())
    log(run, "film", "video", "mp4", EVIL.encode())
    paths = ["media/../../sweep/0/progress.csv", "/etc/passwd", ".hydra/config.yaml", "media/none"]
    with (run / "media/index.jsonl").open("ab") as index:
        for number, path in enumerate(paths):
            record = {"tag": f"way out {number}", "step": 0, "kind": "text", "path": path}
            index.write(json.dumps(record | {"wall_time": 0}).encode() + b"\n")
        index.write(b"\xff not a line\n")


@pytest.fixture(scope="module")
def address(root, serve_here):
    return serve_here(root)


@pytest.fixture
def open_run(look_at, address):
    """Open the tab of a run in a page of its own."""

    def open_(name):
        page = look_at(address, f"?tab=run&run={quote(name)}")
        expect(page.locator("#run-select")).to_have_value(name)
        return page

    return open_


@pytest.fixture
def crashed(open_run):
    """The page of a run that has everything, and has failed."""
    return open_run("sweep/3")


def test_everything_of_a_run_is_there_to_be_seen(crashed):
    page = crashed
    facts = page.locator("#run-facts")
    for fact in ("failed", "50 min", "node7", "1 · CPUs 0-3 · GPU 8c1f2d3e", "exit code 1"):
        expect(facts).to_contain_text(fact)
    expect(facts).to_contain_text("1a2b3c4d5e with changes")
    expect(page.locator("#run-summary")).to_have_text("best_accuracy0.9125noteof the last epoch")
    expect(page.locator(".run-error")).to_have_text(ERROR)
    expect(page.locator("#run-log-text")).to_contain_text("epoch 39999")
    expect(page.locator("#run-config-tree")).to_contain_text("lr0.01float")
    expect(page.locator("#run-differences tbody tr").first).to_contain_text("optim.lr")
    again = "cd '/my code' && /usr/bin/python3 train.py optim.lr=0.01 seed=0"
    expect(page.locator(".run-command").first).to_have_text(again)
    expect(page.locator(".run-command").last).to_contain_text("tensorboard --host localhost")
    expect(page.locator("#run-usage figcaption")).to_have_text(
        ["CPU 99 % of a core, at most 99 %", "Memory 1 GiB, at most 1 GiB"]
    )
    expect(page.locator("#run-usage .js-plotly-plot")).to_have_count(2)
    expect(page.locator("#run-snapshots")).to_contain_text("itr_40.pkl402 KiB")
    with page.expect_download() as download:
        page.locator("#run-files a").click()
    assert Path(download.value.path()).read_bytes() == b"12345"
    page.locator("#run-patch-open").click()
    expect(page.locator("#run-patch")).to_have_text("-lr = 1\n+lr = 2")


def test_the_error_in_the_middle_of_a_long_log_is_one_click_away(crashed):
    page = crashed
    expect(page.locator("#run-log-note")).to_contain_text("last 200 KiB of")
    expect(page.locator("#run-log-text")).not_to_contain_text("Traceback")
    page.locator("#run-log-jump").click()
    expect(page.locator(".run-log-error")).to_have_text("Traceback (most recent call last):")
    expect(page.locator(".run-log-error")).to_be_in_viewport()
    expect(page.locator("#run-log-last")).to_be_visible()
    page.locator("#run-log-earlier").click()
    expect(page.locator("#run-log-text > span")).to_have_count(2)
    page.locator("#run-log-last").click()
    expect(page.locator("#run-log-text > span")).to_have_count(1)
    page.locator("#run-log-name").click()
    page.get_by_role("option", name="train.log").click()
    expect(page.locator("#run-log")).to_have_text("of Hydra's own\n")
    expect(page.locator("#run-log-earlier")).to_be_hidden()


def test_sliders_go_through_the_steps_the_newest_first(crashed):
    page = crashed
    cards = page.locator(".run-card")
    expect(cards).to_have_count(6)
    frame = cards.filter(has_text="eval/frame")
    expect(frame.locator("figcaption")).to_contain_text("step 200 · 3 of 3")
    picture = frame.locator("img")
    assert picture.evaluate("async (img) => { await img.decode(); return img.naturalWidth }") == 8
    newest = picture.get_attribute("src")
    frame.get_by_role("slider").press("ArrowLeft")
    expect(frame.locator("figcaption")).to_contain_text("step 100 · 2 of 3")
    expect(frame.locator("img")).not_to_have_attribute("src", newest)
    samples = cards.filter(has_text="samples")
    samples.get_by_role("slider").press("Home")
    expect(samples.locator("pre")).to_have_text("a sample of 0")
    expect(cards.filter(has_text="grads").locator(".bars .point")).not_to_have_count(0)
    walk, wind = (cards.filter(has_text=name) for name in ("walk", "wind"))
    expect(walk.get_by_role("button", name="Draw it (scatter)")).to_be_visible()
    expect(walk.locator(".js-line")).to_have_count(0)
    wind.get_by_role("button", name="Draw it (scatterpolar)").click()  # and all others of the run
    expect(wind.locator(".polar .js-line")).to_have_count(1)
    expect(walk.locator(".js-line")).to_have_count(1)
    expect(cards.get_by_role("button", name="Draw it")).to_have_count(0)
    page.locator("#run-media-filter").fill("roll")
    expect(cards).to_have_count(1)


SEEK = """async (player) => {
    const event = (name) => new Promise((done) => { player["on" + name] = done; });
    if (player.readyState < 1) await event("loadedmetadata");
    const sought = event("seeked");
    player.currentTime = player.duration / 2;
    await sought;
    return [player.duration, player.currentTime, player.videoWidth ?? null];
}"""


def test_videos_and_sounds_are_played_from_anywhere_and_tables_are_read(open_run):
    page = open_run("sweep/2")
    cards = page.locator(".run-card")
    expect(cards.locator("b")).to_have_text(["rollout", "tone", "samples"])
    assert page.locator("video").evaluate(SEEK) == [2, 1, 16]
    assert page.locator("audio").evaluate(SEEK) == [2, 1, None]
    table = cards.filter(has_text="samples")
    expect(table.locator("th")).to_have_text(["text", "score"])
    expect(table.locator("tbody tr")).to_have_count(20)
    expect(table.locator("tbody td").nth(2)).to_have_text(f"{EVIL} 1")
    expect(table).to_contain_text("CSV the first 20 rows")
    with page.expect_download() as download:
        table.get_by_role("link", name="CSV").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert (len(lines), lines[1].rpartition(",")[2]) == (31, "0.0")
    assert page.evaluate("window.hacked") is None


def test_a_running_run_is_followed_to_its_end(root, open_run):
    run = root / "live"
    page = open_run("live")
    expect(page.locator("#run-log-rest")).to_have_text("10%")
    with page.expect_response(lambda answer: asks_for_more_of_the_log(answer.request.post_data)):
        pass  # from now on it asks for what is new alone
    with (run / OUTPUT_LOG).open("a") as file:
        file.write("\r100%\nafter it\n")
    expect(page.locator("#run-log-text > span").last).to_have_text("100%\nafter it\n")
    expect(page.locator("#run-log-text > span").last).to_be_in_viewport()
    shown = page.locator("#run-log")
    shown.evaluate("log => { log.scrollTop = 0 }")
    log(run, "note", "text", "txt", b"new", 5)
    with (run / OUTPUT_LOG).open("a") as file:
        file.write("while the reader is elsewhere\n")
    expect(page.locator("#run-log-text")).to_contain_text("while the reader is elsewhere")
    assert shown.evaluate("log => log.scrollTop") == 0
    expect(page.locator(".run-card")).to_contain_text("step 5")

    with (run / OUTPUT_LOG).open("a") as file:
        file.write("its last words\n")
    update_status(run, state=State.COMPLETED, ended=time.time())
    expect(page.locator("#run-facts")).to_contain_text("finished")
    expect(page.locator("#run-log-text")).to_contain_text("its last words")


def asks_for_more_of_the_log(question: str | None) -> bool:
    """Whether the page, which has the log as it was, asks for what is new in it."""
    told = json.loads(question or "null")
    if not isinstance(told, dict) or "run-clock.n_intervals" not in told["changedPropIds"]:
        return False
    states = [state for state in told.get("state", ()) if isinstance(state, dict)]
    known = {state["id"]: state.get("value") for state in states}
    return known.get("run-log-shown") is not None


def test_what_a_run_holds_is_shown_and_never_obeyed(open_run):
    page = open_run("hostile <b>")
    expect(page.locator(".run-error")).to_have_text(EVIL)
    expect(page.locator("#run-log-text")).to_contain_text(EVIL)
    expect(page.locator("#run-config-tree")).to_contain_text(EVIL)
    expect(page.locator("#run-commands")).to_contain_text("<script>window.hacked")
    expect(page.locator("#run-snapshots")).to_have_text("No snapshots.")
    expect(page.locator("#run-usage")).to_contain_text("usage.csv cannot be read: its first line")
    expect(page.locator("#run-media-note")).to_contain_text("1 line of the index cannot be read")
    cards = page.locator(".run-card")
    expect(cards).to_have_count(8)
    said = page.locator(".run-card .run-nothing")
    expect(said).to_have_count(6)  # four ways out, and a page for a picture and for a video
    expect(cards.locator("pre")).to_have_text([EVIL])
    cards.get_by_role("button", name="Draw it").click()
    expect(cards.locator(".js-plotly-plot")).to_have_count(1)
    assert page.evaluate("window.hacked") is None
    assert page.locator("#run-tab script").count() == 0


def test_five_thousand_keys_can_be_searched_and_a_long_value_be_read(open_run):
    page = open_run("large")
    expect(page.locator("#run-config-count")).to_have_text("4,951 keys")
    expect(page.locator("#run-differences tbody tr")).to_have_count(500)
    tree = page.locator("#run-config-tree")
    expect(tree.locator("details[open]")).to_have_count(0)
    tree.locator("summary", has_text="group7").first.press("Enter")
    expect(tree.locator("details[open] .run-leaf").first).to_have_text("key0700int")
    expect(tree.locator(".run-leaf-value").last).not_to_contain_text("the end")
    tree.get_by_role("button", name="show all").click()
    expect(tree.locator(".run-leaf-value").last).to_contain_text("the end")
    page.locator("#run-config-filter").fill("GROUP12.key98")
    expect(page.locator("#run-config-count")).to_have_text("1 of 4,951 keys")
    expect(tree.locator(".run-leaf")).to_have_text(["key981298int"])


def test_stars_and_notes_stay_with_the_user_and_another_run_is_a_step_back(root, open_run):
    page = open_run("sweep/1")
    before = sorted(root.joinpath("sweep/1").rglob("*"))
    page.locator("#run-star").click()
    expect(page.locator("#run-star")).to_have_attribute("aria-pressed", "true")
    page.locator("#run-note textarea").fill(f"collapsed {EVIL}")
    page.locator("#run-note textarea").blur()
    page.locator("#run-select").click()
    page.get_by_role("option", name="sweep/2").click()
    expect(page.locator("#run-star")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#run-note textarea")).to_have_value("")
    expect(page).to_have_url(re.compile("run=sweep(/|%2F)2"))
    page.go_back()
    expect(page.locator("#run-note textarea")).to_have_value(f"collapsed {EVIL}")
    page.reload()
    expect(page.locator("#run-star")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#run-note textarea")).to_have_value(f"collapsed {EVIL}")
    assert sorted(root.joinpath("sweep/1").rglob("*")) == before
