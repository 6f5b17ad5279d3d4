"""Runs that nobody means well with, and very many of them, in a real browser."""

import json
import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from exptools.rundir import OUTPUT_LOG, STATUS_FILE, State, write_atomic
from exptools.viewing.app.view import View
from tests.e2e.pages import LEGEND, LINES, drawn
from tests.viewing.samples import csv_text, write_run

SCRIPT = "<script>window.hacked=1</script>"
IMAGE = '"><img src=x onerror="window.hacked=1">'
ODD = [f"loss{SCRIPT}", f"acc{IMAGE}", "${alert(1)} {{7*7}} [x](y)"]
QUOTED = ",".join('"' + tag.replace('"', '""') + '"' for tag in ODD)
TAGS = f"step,{QUOTED}\n0,3,0.1,1\n1,2,0.2,2\n"
RUNS = 10_000


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Each run hostile in its own way, one below a directory that nobody may read, a loop."""
    root = tmp_path_factory.mktemp("runs") / f"out{SCRIPT.replace('/', '∕')}"
    names = [IMAGE, "javascript:alert(1)", "'); DROP--", "\u202egnp.run", "a\nb"]
    for job, name in enumerate(names):
        config = {"name": IMAGE if job % 2 else SCRIPT, f"key{IMAGE}": job, "seed": job // 2}
        run = write_run(root / name, config, TAGS, job=job, error=SCRIPT, state=State.FAILED)
        write_atomic(run / OUTPUT_LOG, f"\x1b]0;{SCRIPT}\x07\x1b[31m{IMAGE}\r\n".encode() * 50)
    keys = "".join(f"  key{n}: {'x' * 1000}\n" for n in range(100))
    write_run(root / "large", "".join(f"section{n}:\n{keys}" for n in range(100)), TAGS)
    binary = write_run(root / "binary", {"seed": 7}, TAGS)
    (binary / OUTPUT_LOG).write_bytes(os.urandom(2**20) + b"\0" * 2**20)
    write_run(root / "torn", "a: [", "step,x\n0,oops\n", state=None)
    write_run(root / "bomb", "a: &a [1,1]\nb: &b [*a,*a]\nc: [*b,*b]\n", TAGS)
    (root / "loop").symlink_to(root)
    (root / "large" / "media").symlink_to("/")
    pipe = write_run(root / "pipe", {"seed": 8}, TAGS)
    os.mkfifo(pipe / OUTPUT_LOG)
    unreadable = write_run(root / "unreadable", {"seed": 9}, TAGS)
    (unreadable / ".hydra" / "config.yaml").chmod(0)
    (write_run(root / "closed", {}) / ".hydra").chmod(0)
    surrogate = write_run(root / "surrogate", 'seed: "\\uD800"\n"\\uDC00": 1\n', TAGS)
    lone = {"error": "\ud800", "overrides": ["\udfff"], "git": {"commit": "\udc00"}}
    (surrogate / STATUS_FILE).write_text(json.dumps({"state": "failed"} | lone))
    odd = os.fsencode(root) + b"/\xff\xfe"
    write_run(Path(os.fsdecode(odd)), {"seed": 10}, TAGS)
    yield root
    (root / "closed" / ".hydra").chmod(0o755)


def tree(root: Path) -> dict[bytes, tuple[int, int, int]]:
    """All that is below a directory, with what writing to it would change."""
    found = {}
    for directory, directories, files in os.walk(os.fsencode(root)):
        for name in (b".", *directories, *files):
            path = os.path.join(directory, name)
            state = os.lstat(path)
            found[path] = state.st_mode, state.st_size, state.st_mtime_ns
    return found


def unharmed(page: Page) -> None:
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src=x], script:text('hacked')").count() == 0


def test_hostile_runs_are_shown_everywhere_obeyed_nowhere_and_left_as_they_were(
    look_at, serve_here, hostile
):
    before = tree(hostile)
    address = serve_here(hostile)
    page = look_at(address)
    expect(page.locator("#faults summary")).to_be_visible()
    expect(page.locator("#runs [role=gridcell]").get_by_text(IMAGE).first).to_be_visible()
    unharmed(page)
    page.goto(f"{address}?{View(metrics=tuple(ODD), by=('config.name',)).to_query()}")
    expect(page.locator(LEGEND).get_by_text("<script>").first).to_be_visible()
    expect(page.locator("#curves .annotation, #curves .ytitle").first).to_be_visible()
    assert drawn(page, LINES)
    unharmed(page)
    page.goto(f"{address}?tab=pictures")
    expect(page.locator("#picture-graph .js-plotly-plot").first).to_be_visible()
    unharmed(page)
    for name in (IMAGE, "binary", "large", "pipe"):
        page.goto(f"{address}?{View(tab='run', run=name).to_query()}")
        expect(page.locator("#run-facts")).to_be_visible()
        unharmed(page)
    assert tree(hostile) == before


def write_many(root: Path) -> Path:
    """Runs with as little as a run can have, quickly."""
    text = csv_text({"acc": [0.1, 0.5, 0.9]})
    for job in range(RUNS):
        hydra = root / str(job) / ".hydra"
        hydra.mkdir(parents=True)
        config = f"lr: {job // 5 % 4}\nseed: {job % 5}\nwidth: {job // 20}\n"
        (hydra / "config.yaml").write_text(config)
        (hydra.parent / "progress.csv").write_text(text)
    return root


def test_ten_thousand_runs_are_compared_sorted_and_filtered(look_at, serve_here, tmp_path):
    page = look_at(serve_here(write_many(tmp_path / "outputs")), "?by=lr")
    expect(page.locator("#counts")).to_contain_text("10,000")
    expect(page.locator(LEGEND)).to_have_text(["0", "1", "2", "3"])
    assert page.locator("#runs .ag-row").count() < 100  # the table holds what can be seen
    page.get_by_role("columnheader", name="width").click()
    page.get_by_role("columnheader", name="width").click()
    expect(page.locator("#runs .ag-row [col-id$=width]").first).to_have_text("499")
    page.locator("#where").fill("width = 123 and lr = 2")
    expect(page.locator(LEGEND)).to_have_text(["2"])
