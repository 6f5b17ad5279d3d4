"""The viewer as a person meets it: a real server, a real browser, runs on disk."""

import pytest
from playwright.sync_api import Page, expect

from exptools.rundir import PROGRESS_CSV, State
from tests.viewing.samples import SEEDS, csv_text, write_run, write_sweep

LINES = "#curves .scatterlayer .js-line"
BANDS = "#curves .scatterlayer .js-fill"
LEGEND = "#curves .legendtext"
DARK_PAPER = "rgb(23, 26, 33)"


@pytest.fixture
def sweep(tmp_path):
    return write_sweep(tmp_path / "outputs")


def choose(page: Page, control: str, option: str) -> None:
    page.locator(f"#{control}").click()
    page.get_by_role("option", name=option, exact=True).click()


def shapes(page: Page, selector: str) -> list[str]:
    return [path.get_attribute("d") for path in page.locator(selector).all()]


def drawn(page: Page, selector: str) -> list[str]:
    return [shape for shape in shapes(page, selector) if shape]


def x_range(page: Page) -> list[float]:
    return page.evaluate("document.querySelector('#curves .js-plotly-plot').layout.xaxis.range")


def zoom_to_the_middle(page: Page) -> None:
    plot = page.locator("#curves .nsewdrag").bounding_box()
    middle = plot["y"] + plot["height"] / 2
    page.mouse.move(plot["x"] + plot["width"] / 4, middle)
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] / 2, middle, steps=5)
    page.mouse.move(plot["x"] + plot["width"] * 3 / 4, middle, steps=5)
    page.mouse.up()


def test_at_first_sight_three_curves_with_bands_and_all_runs_are_there(open_viewer, sweep):
    page = open_viewer(sweep)
    expect(page.locator("#metric")).to_have_value("test/accuracy")
    expect(page.locator("#group")).to_have_value("lr")
    expect(page.locator(LEGEND)).to_have_text(["0.01", "0.1", "0.001"])
    assert len(drawn(page, BANDS)) == 3
    assert len([line for line in drawn(page, LINES) if line.count("L") > 20]) >= 3
    expect(page.locator("#runs .ag-center-cols-container .ag-row")).to_have_count(9)
    expect(page.locator("#counts")).to_have_text("9 finished")
    expect(page.locator("#caption")).to_contain_text("mean of 3 runs with the same lr")


def test_the_chart_is_above_the_fold_and_the_table_below_it(open_viewer, sweep):
    page = open_viewer(sweep)
    chart, table = page.locator("#curves").bounding_box(), page.locator("#runs").bounding_box()
    assert chart["y"] + chart["height"] < table["y"] < 900
    assert chart["height"] > 350


def test_another_metric_draws_other_curves(open_viewer, sweep):
    page = open_viewer(sweep)
    before = drawn(page, LINES)
    choose(page, "metric", "train/loss")
    expect(page.locator(LEGEND)).to_have_text(["0.001", "0.01", "0.1"])
    assert drawn(page, LINES) != before
    expect(page.get_by_role("columnheader", name="Last train/loss")).to_be_visible()


def test_without_grouping_each_run_has_its_line_and_none_a_band(open_viewer, sweep):
    page = open_viewer(sweep)
    choose(page, "group", "nothing: each run by itself")
    expect(page.locator(LEGEND)).to_have_count(9)
    assert drawn(page, BANDS) == []


def test_a_line_hidden_in_the_legend_stays_hidden_with_its_band(open_viewer, sweep):
    page = open_viewer(sweep)
    page.locator("#curves .legendtoggle").first.click()
    expect(page.locator(BANDS)).to_have_count(2)
    page.locator("#scheme").click()
    expect(page.locator("#curves .main-svg").first).to_have_css("background-color", DARK_PAPER)
    expect(page.locator(LEGEND)).to_have_count(3)
    expect(page.locator(BANDS)).to_have_count(2)


def test_ticked_runs_alone_are_drawn_until_they_are_unticked(open_viewer, sweep):
    page = open_viewer(sweep)
    boxes = page.locator("#runs .ag-row input[type=checkbox]")
    for row in range(len(SEEDS)):  # the first learning rate's
        boxes.nth(row).check()
    expect(page.locator("#hint")).to_contain_text("3 of 9 runs drawn")
    expect(page.locator(BANDS)).to_have_count(1)
    for row in range(len(SEEDS)):
        boxes.nth(row).uncheck()
    expect(page.locator(LEGEND)).to_have_count(3)


def test_a_growing_run_appears_without_a_reload_and_takes_nothing_away(open_viewer, sweep):
    page = open_viewer(sweep)
    page.evaluate("window.notReloaded = true")
    page.locator("#runs .ag-row input[type=checkbox]").nth(0).check()
    expect(page.locator("#hint")).to_contain_text("1 of 9")
    zoom_to_the_middle(page)
    zoomed = x_range(page)
    assert zoomed[0] > 3
    choose(page, "metric", "train/loss")

    with (sweep / "0" / PROGRESS_CSV).open("a") as file:
        file.write("30,1.0,1.5,0.5\n")
    write_run(
        sweep / "9",
        {"optim": {"lr": 1.0}, "seed": 0},
        csv_text({"train/loss": [3.0]}),
        state=State.QUEUED,
    )

    expect(page.locator("#counts")).to_have_text("9 finished1 queued", timeout=15_000)
    expect(page.locator("#runs .ag-center-cols-container .ag-row")).to_have_count(10)
    expect(page.locator("#runs [row-id='0'] [col-id=step]")).to_have_text("30")
    expect(page.locator("#hint")).to_contain_text("1 of 10")
    expect(page.locator("#metric")).to_have_value("train/loss")
    assert x_range(page) == zoomed
    assert page.evaluate("window.notReloaded")


def test_a_page_with_nothing_new_asks_for_nothing_but_the_version(open_viewer, sweep):
    page = open_viewer(sweep)
    asked = []
    page.on("request", lambda request: asked.append(request.post_data or ""))
    for _ in range(2):
        with page.expect_response(lambda answer: "n_intervals" in answer.request.post_data) as poll:
            pass
        assert poll.value.json()["response"] == {}
    assert all("n_intervals" in question for question in asked)


def test_before_the_first_value_one_sentence_says_so_and_then_the_curve_comes(
    open_viewer, tmp_path
):
    run = write_run(tmp_path / "outputs" / "0", {"lr": 1}, None, state=State.QUEUED)
    page = open_viewer(run.parent)
    expect(page.locator("#empty")).to_have_text(
        "No metric yet. Curves appear here as soon as a run logs its first value."
    )
    (run / PROGRESS_CSV).write_text(csv_text({"loss": [3.0, 2.0, 1.0]}))
    expect(page.locator("#metric")).to_have_value("loss", timeout=15_000)
    expect(page.locator("#empty")).to_be_hidden()
    expect(page.locator("#caption")).to_have_text(
        "The only run so far: there is nothing to compare it with yet."
    )


def test_what_runs_are_called_is_shown_and_never_obeyed(open_viewer, tmp_path):
    evil = '<b>x</b> "&lt;" <img src=x onerror=alert(1)>'
    for job in range(4):
        write_run(
            tmp_path / "outputs" / f"<i>{job}",
            {"name": evil if job % 2 else "plain", "seed": job // 2},
            {"<u>acc</u>": [0.1, 0.2]},
        )
    page = open_viewer(tmp_path / "outputs")
    choose(page, "group", "name")
    expect(page.locator(LEGEND).first).to_contain_text('<b>x</b> "&lt')
    expect(page.get_by_role("gridcell", name=evil, exact=True)).to_have_count(2)
    expect(page.get_by_role("gridcell", name="<i>3", exact=True)).to_be_visible()
    expect(page.locator("#metric")).to_have_value("<u>acc</u>")


def test_the_chart_offers_nothing_that_would_send_it_elsewhere(open_viewer, sweep):
    page = open_viewer(sweep)
    titles = [button.get_attribute("data-title") for button in page.locator(".modebar-btn").all()]
    assert titles == ["Download plot as a PNG", "Zoom", "Pan", "Reset axes"]


def test_dark_is_dark_in_the_chart_too(open_viewer, sweep):
    page = open_viewer(sweep)
    paper = page.locator("#curves .main-svg").first
    expect(paper).to_have_css("background-color", "rgb(255, 255, 255)")
    page.locator("#scheme").click()
    expect(paper).to_have_css("background-color", DARK_PAPER)
