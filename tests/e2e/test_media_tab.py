"""The tab Media in a real browser: what several runs have logged, side by side, at one step."""

import pytest
from playwright.sync_api import Page, expect

from exptools.rundir import State
from tests.e2e.pages import view_of, wait_for_view
from tests.media_samples import write_histogram, write_image, write_wall
from tests.viewing.samples import write_run

STEPS = range(0, 50, 10)
COLORS = ("#aa0000", "#00aa00", "#0000aa")
SAID = ".wall-cell.is-image .wall-step"
SHOWN = ".wall-cell.is-image .wall-tile:not(.is-old) img"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Three runs: one goes on, one has failed after half of the steps."""
    root = tmp_path_factory.mktemp("runs") / "outputs"
    states = (State.RUNNING, State.FAILED, State.COMPLETED)
    for job, state in enumerate(states):
        curve = {"loss": [1.0 / (1 + step + job) for step in range(50)]}
        run = write_run(root / "sweep" / f"run{job}", {"lr": job / 10}, curve, state, job=job)
        for step in STEPS if job != 1 else STEPS[:2]:
            write_image(run, "samples/image", step, COLORS[job])
            write_histogram(run, "weights", step, step / 10)
    write_wall(root / "sweep" / "run2", (40,))
    return root


@pytest.fixture(scope="module")
def address(serve_here, root):
    return serve_here(root)


def wall(look_at, address: str, query: str = "") -> Page:
    page = look_at(address, f"?tab=media&by=lr&{query}")
    expect(page.locator(SHOWN).first).to_be_visible()
    return page


def test_tiles_follow_one_slider_say_where_they_show_another_step_and_what_is_new(
    look_at, address, root
):
    page = wall(look_at, address)
    said = page.locator(SAID)
    expect(said).to_have_text(["step 40", "step 10", "step 40"])
    expect(page.locator(f"{SAID}.is-other")).to_have_text(["step 10"])
    heads = page.locator(".wall-heads .wall-beside")
    expect(heads).to_have_text(["run0 · running", "run1 · failed", "run2"])
    page.keyboard.press("ArrowLeft")
    expect(said).to_have_text(["step 30", "step 10", "step 30"])
    wait_for_view(page, media_step=30)
    page.get_by_label("Step", exact=True).fill("15")
    page.keyboard.press("Enter")
    expect(said).to_have_text(["step 10", "step 10", "step 10"])
    expect(page.locator(f"{SAID}.is-other")).to_have_count(3)
    wait_for_view(page, media_step=15)
    page.reload()  # the address is all that it takes
    expect(said).to_have_text(["step 10", "step 10", "step 10"])
    expect(page.locator(SHOWN)).to_have_count(3)
    page.get_by_role("button", name="The last step").click()
    expect(said).to_have_text(["step 40", "step 10", "step 40"])
    wait_for_view(page, media_step=None)
    write_image(root / "sweep" / "run0", "samples/image", 50)  # it goes on
    expect(said).to_have_text(["step 50", "step 10", "step 40"])


def test_kinds_tags_size_and_arrangement_are_chosen_and_stand_in_the_address(look_at, address):
    page = wall(look_at, address)
    rows = page.locator(".wall-row .wall-tag > bdi")
    expect(rows).to_have_text(["samples/image", "weights", "notes"])
    page.get_by_role("button", name="Histograms 1").click()
    expect(rows).to_have_text(["weights"])
    expect(page.locator(".over-time.is-offset path")).to_have_count(5 + 2 + 5)
    page.locator("#histograms").get_by_text("Percentiles").click()
    expect(page.locator(".over-median")).to_have_count(3)
    page.locator("#media_layout").get_by_text("Grid").click()
    expect(page.locator("#media-wall.in-grid .wall-head .wall-name").first).to_be_visible()
    page.locator("#media_size").get_by_text("L", exact=True).click()
    wait_for_view(
        page,
        **{"media_kinds": ("histogram",), "histograms": "percentiles"},
        **{"media_layout": "grid", "media_size": "large"},
    )
    page.get_by_role("button", name="Histograms 1").click()
    page.locator("#media_search").fill("note")
    expect(rows).to_have_text(["notes"])
    expect(page.locator(".wall-tile pre")).to_contain_text("<img src=x")
    assert page.evaluate("window.hacked") is None
    wait_for_view(page, media_search="note", media_kinds=())
    page.locator("#media_search").fill("nothing")
    expect(page.locator("#media-empty")).to_have_text("No tag has “nothing” in it.")


def test_from_a_curves_point_to_the_media_of_that_step_and_to_the_run(look_at, address):
    page = look_at(address, "?by=lr")
    plot = page.locator("#curves .nsewdrag").first.bounding_box()
    page.mouse.move(plot["x"] + plot["width"] * 0.4, plot["y"] + plot["height"] * 0.9)
    page.mouse.click(plot["x"] + plot["width"] * 0.4, plot["y"] + plot["height"] * 0.9)
    button = page.get_by_role("button", name="Media at step")
    expect(button).to_contain_text("of this run")
    button.click()
    expect(page.locator(SHOWN)).to_have_count(1)
    view = view_of(page)
    assert (view.tab, len(view.selected)) == ("media", 1)
    expect(page.locator("#media-sentence")).to_contain_text("1 selected run.")
    expect(page.get_by_label("Step", exact=True)).to_have_value(str(view.media_step))
    page.locator(".wall-heads .wall-run").click()
    expect(page.locator("#run-facts dd").first).to_be_visible()
    wait_for_view(page, tab="run", run=view.selected[0])
