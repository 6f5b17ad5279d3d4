"""Curves and table as a person meets them: points 1, 2, 3, 7 and 9 of the app."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.pages import (
    BANDS,
    DRAWING,
    LEGEND,
    LINES,
    ROWS,
    TYPED_AND_ENTERED,
    add,
    drag,
    drawn,
    figure,
    pick,
    pills,
    replace,
    view_of,
    wait_for_figure,
    wait_for_view,
)
from tests.viewing.samples import csv_text, write_dying_sweep, write_run, write_sweep

DARK_PAPER = "rgb(23, 26, 33)"
STYLED = "() => [...document.querySelectorAll('link[rel=stylesheet]')].every(link => link.sheet)"

# By Dash's own count of how often it has drawn each: the controls that callbacks were the last to
# change, not their user.
DRAWN_BY_CALLBACKS = """() => {
  const { layout, layoutHashes } = window.dash_stores[0].getState();
  const known = Object.entries(layoutHashes).map(([path, drawn]) =>
    [path.split(",").reduce((part, name) => part?.[name], layout), drawn]);
  return Object.fromEntries(known
    .filter(([one, { renderType }]) => "value" in (one?.props || {}) && renderType !== "internal")
    .map(([one, { hash }]) => [one.props.id, hash]));
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory, serve_here):
    return serve_here(write_sweep(tmp_path_factory.mktemp("runs") / "outputs"))


def test_at_first_sight_three_curves_with_bands_and_all_runs_are_there(look_at, address):
    page = look_at(address)
    expect(pills(page, "metrics")).to_have_text(["test/accuracy"])
    expect(pills(page, "by")).to_have_text(["lr"])
    expect(page.locator(LEGEND)).to_have_text(["0.01", "0.1", "0.001"])
    assert len(drawn(page, BANDS)) == 3
    assert len([line for line in drawn(page, LINES) if line.count("L") > 20]) >= 3
    expect(page.locator(ROWS)).to_have_count(9)
    expect(page.locator("#counts")).to_have_text("9 finished")
    expect(page.locator("#caption")).to_have_text(
        "Each line is the mean of 3 runs with the same lr (3 seeds averaged); the band is ± one "
        "standard deviation."
    )
    expect(page.locator("#reason")).to_have_text("Chosen for you: test/accuracy by lr.")
    chart, table = page.locator("#curves").bounding_box(), page.locator("#runs").bounding_box()
    assert chart["height"] > 350
    assert chart["y"] + chart["height"] < table["y"] < 800, "above the fold, with the table below"
    buttons = page.locator("#curves .modebar-btn").all()
    titles = [button.get_attribute("data-title") for button in buttons]
    assert titles == ["Download plot as a PNG", "Zoom", "Pan", "Reset axes"], "nothing is sent away"
    looks = page.evaluate("() => 'dashChildrenUpdate' in dash_mantine_components.PopoverDropdown")
    assert not looks, "no popover looks at the whole page at each change"


def test_the_curves_are_drawn_though_the_table_comes_later(browser, address):
    scripts = []

    def hold(script):
        scripts.append(script)

    page = browser.new_page()
    page.route("**/dash_ag_grid*.js", hold)  # the table's
    page.goto(address, wait_until="commit")
    expect(page.locator(BANDS)).to_have_count(3)
    while not scripts:  # it is fetched once the curves are there
        page.wait_for_timeout(10)
    expect(page.locator(ROWS)).to_have_count(0)
    for script in scripts:
        script.continue_()
    expect(page.locator(ROWS)).to_have_count(9)
    swatch = page.locator("#runs .ag-cell.swatch").first
    expect(swatch).not_to_have_attribute("style", re.compile("--swatch: transparent"))
    page.close()


# Counts the frames in which Dash's own words are seen.
WATCH = """window.flashes = 0; const watch = () => {
    window.flashes += document.querySelector("._dash-loading") !== null
        && document.querySelector(".first-page") === null;
    requestAnimationFrame(watch); }; watch();"""


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 700)])
def test_the_server_paints_what_plotly_then_draws_in_the_same_place(
    browser, address, scheme, width
):
    held, said = [], []

    def hold(script):
        held.append(script)

    size = {"width": width, "height": 900}
    with browser.new_context(color_scheme=scheme, viewport=size) as context:
        context.request.get(address)  # from now on the server knows the picture at once
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.add_init_script(WATCH)
        page.route("**/*.js*", hold)
        page.goto(address, wait_until="commit")
        expect(page.locator("#first-picture .painted-band")).to_have_count(3)
        expect(page.locator(".first-page .captions").last).to_contain_text("mean of 3 runs")
        paper = DARK_PAPER if scheme == "dark" else "rgb(255, 255, 255)"
        expect(page.locator("#first-picture")).to_have_css("background-color", paper)
        page.wait_for_function(STYLED)  # who asks for a place is told that of the styles so far
        painted = page.locator(".painted-panel > svg").bounding_box()
        for script in held:
            script.continue_()
        page.unroute("**/*.js*")
        expect(page.locator(BANDS)).to_have_count(3)
        expect(page.locator("#first-picture, .first-page")).to_have_count(0)
        assert page.evaluate("window.flashes") == 0
        expect(page.locator(DRAWING)).to_have_count(0)
        drawn_at = page.locator("#curves .nsewdrag").bounding_box()
        assert drawn_at == pytest.approx(painted, abs=3)
        assert said == []


def test_several_metrics_stand_in_panels_and_the_table_has_a_column_of_each(look_at, address):
    page = look_at(address)
    add(page, "metrics", "train/loss")
    expect(page.locator("#curves .subplot")).to_have_count(2)
    expect(page.locator("#curves .annotation-text")).to_have_text(["test/accuracy", "train/loss"])
    expect(page.locator(LEGEND)).to_have_count(3)
    expect(page.get_by_role("columnheader", name="Last train/loss")).to_be_visible()


def test_split_by_a_key_makes_a_panel_of_each_of_its_values(look_at, address):
    page = look_at(address)
    add(page, "split", "seed")
    expect(page.locator("#curves .annotation-text")).to_have_text(["seed=0", "seed=1", "seed=2"])
    expect(page.locator("#caption")).to_contain_text("with one run each")


def test_without_grouping_each_run_has_its_line_and_none_a_band(look_at, address):
    page = look_at(address)
    replace(page, "by", "lr", "run: each by itself")
    expect(page.locator(LEGEND)).to_have_count(9)
    assert drawn(page, BANDS) == []


def test_options_change_the_picture_and_the_address(look_at, address):
    page = look_at(address)
    pick(page, "band", "lowest to highest")
    expect(page.locator("#caption")).to_contain_text("from the lowest to the highest run")
    pick(page, "smoothing", "exponential")
    expect(page.locator("#caption")).to_contain_text("smoothed exponentially with weight 0.9")
    page.get_by_text("log y", exact=True).click()
    page.get_by_role("switch", name="Show single runs").check()
    expect(page).to_have_url(re.compile("show_runs=1"))
    wait_for_figure(page, type="log")
    expect(page.locator(LINES).nth(5)).to_be_attached()
    view = view_of(page)
    assert (view.band, view.smooth, view.log) == ("minmax", "ema:0.9", ("y",))


def test_a_choice_draws_no_control_anew_that_it_leaves_as_it_is(look_at, address):
    page = look_at(address)
    page.get_by_role("button", name="Options").click()
    expect(page.locator("#band")).to_be_visible()
    expect(page.locator(ROWS)).to_have_count(9)
    before = page.evaluate(DRAWN_BY_CALLBACKS)
    caption = page.locator("#caption")
    pick(page, "band", "lowest to highest")
    expect(caption).to_contain_text("from the lowest to the highest run")
    now = page.evaluate(DRAWN_BY_CALLBACKS)
    answered = {"where", "baseline", "references"}  # by the server, with the picture
    assert {name for name in now if now[name] != before.get(name)} <= answered


def test_a_zoom_is_drawn_from_all_the_data_kept_and_undone_by_a_double_click(look_at, address):
    page = look_at(address)
    drag(page, 0.25, 0.75)
    expect(page).to_have_url(re.compile("x_range="))
    low, high = view_of(page).x_range
    assert 5 < low < 9
    assert 20 < high < 24
    assert figure(page)["x"] == pytest.approx([low, high])
    replace(page, "metrics", "test/accuracy", "train/loss")
    expect(page.locator(LEGEND)).to_have_text(["0.001", "0.01", "0.1"])
    assert figure(page)["x"] == pytest.approx([low, high])
    page.locator("#curves .nsewdrag").dblclick()
    expect(page).not_to_have_url(re.compile("x_range="))
    wait_for_figure(page, auto=True)


def test_a_click_on_a_curve_selects_its_runs_and_another_click_lets_them_go(look_at, address):
    page = look_at(address)
    plot = page.locator("#curves .nsewdrag").bounding_box()
    x, y = plot["x"] + plot["width"] * 0.9, plot["y"] + plot["height"] * 0.12
    page.mouse.move(x, y)
    page.mouse.click(x, y)
    expect(page.locator("#hint")).to_contain_text("3 of 9 runs drawn")
    expect(page.locator(LEGEND)).to_have_text(["0.01"])
    expect(page.locator("#runs .ag-row-selected [col-id='config optim.lr']")).to_have_text(
        ["0.01"] * 3
    )
    page.get_by_role("button", name="Draw all").click()
    expect(page.locator(LEGEND)).to_have_count(3)
    expect(page.locator("#runs .ag-row-selected")).to_have_count(0)


def test_ticked_runs_alone_are_drawn_until_they_are_unticked(look_at, address):
    page = look_at(address)
    boxes = page.locator("#runs .ag-row input[type=checkbox]")
    for row in range(3):  # the first learning rate's
        boxes.nth(row).check()
    expect(page.locator("#hint")).to_contain_text("3 of 9 runs drawn")
    expect(page.locator(BANDS)).to_have_count(1)
    wait_for_view(page, selected=("0", "1", "2"))
    for row in range(3):
        boxes.nth(row).uncheck()
    expect(page.locator(LEGEND)).to_have_count(3)


def test_ticks_stay_while_the_page_answers_earlier_ones_and_new_rows_come(look_at, address):
    page = look_at(address)
    expect(page.locator(ROWS)).to_have_count(9)
    page.evaluate(
        """async () => {
        const ask = window.fetch;  // answers come late
        window.fetch = async (...question) => {
            const answer = await ask(...question);
            await new Promise((done) => setTimeout(done, 300));
            return answer;
        };
        for (const run of "02468") {
            document.querySelector(
                `#runs .ag-pinned-left-cols-container [row-id="${run}"] input`).click();
            window.dash_ag_grid.getApi("runs").deselectAll();  // as it does where rows come
            await new Promise(requestAnimationFrame);
        }
        }"""
    )
    wait_for_view(page, selected=("0", "2", "4", "6", "8"))
    expect(page.locator("#runs .ag-pinned-left-cols-container .ag-row-selected")).to_have_count(5)


def test_the_filter_draws_and_lists_what_fulfils_it_and_says_what_is_wrong(look_at, address):
    page = look_at(address)
    page.keyboard.press("/")
    page.keyboard.type("optim.lr < 0.05 and seed > 0")
    expect(page.locator(ROWS)).to_have_count(4)
    expect(page.locator(LEGEND)).to_have_text(["0.01", "0.001"])
    page.locator("#where").fill("optim.rl < 0.05")
    expect(page.locator(".control", has=page.locator("#where"))).to_contain_text(
        "did you mean 'optim.lr'?"
    )
    expect(page.locator(ROWS)).to_have_count(4)  # as before, until it can be read again


def test_groups_have_a_row_each_and_tick_their_runs(look_at, address):
    page = look_at(address)
    page.locator("#rows").get_by_text("Groups").click()
    expect(page.locator(ROWS)).to_have_count(3)
    expect(page.locator("#runs [row-id='0.1'] [col-id=runs]")).to_have_text("3")
    expect(page.locator("#runs [row-id='0.1'] [col-id='value last test/accuracy']")).to_have_text(
        re.compile(r"0\.6\d+ ± 0\.0\d")
    )
    page.locator("#runs [row-id='0.1'] input[type=checkbox]").check()
    expect(page.locator("#hint")).to_contain_text("3 of 9")
    wait_for_view(page, selected=("6", "7", "8"))


def test_columns_are_hidden_shown_and_sorted_by_hand_and_stay_so(look_at, address):
    page = look_at(address)
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("checkbox", name="State").uncheck()
    page.get_by_role("checkbox", name="Host").check()
    expect(page.get_by_role("columnheader", name="Host")).to_be_visible()
    expect(page.get_by_role("columnheader", name="State")).to_have_count(0)
    page.keyboard.press("Escape")
    page.get_by_role("columnheader", name="Last test/accuracy").click()
    expect(page).to_have_url(re.compile("sort=value"))
    again = look_at(address, "?" + page.url.partition("?")[2])
    expect(again.get_by_role("columnheader", name="Host")).to_be_visible()
    first = again.locator("#runs .ag-pinned-left-cols-container [row-index='0'] [col-id=run]")
    expect(first).to_have_text("0")
    expect(again.locator("#runs [row-index='0'] [col-id='config seed']")).to_have_text("0")


def test_a_column_is_not_taken_back_by_the_answer_to_an_earlier_choice(look_at, address):
    page = look_at(address)
    page.get_by_role("button", name="Columns").click()
    page.evaluate(
        """() => {
        const shown = dash_clientside.exptools.showColumns;
        dash_clientside.exptools.showColumns = (columns) => {
            window.answer = columns;
            return shown(columns);
        };
        }"""
    )
    page.get_by_role("checkbox", name="State").uncheck()
    page.wait_for_function("() => window.answer")
    host = page.get_by_role("checkbox", name="Host")
    host.evaluate(
        """(box) => {
        box.click();
        dash_clientside.set_props("shown-columns", { data: { ...window.answer } });
        }"""
    )
    wait_for_view(page, columns=("+host", "-state"))
    expect(page.get_by_role("columnheader", name="Host")).to_be_visible()
    expect(host).to_be_checked()


def test_a_view_is_shared_by_its_address_and_undone_by_the_back_button(look_at, address):
    page = look_at(address)
    wait_for_view(page, by=("optim.lr",))
    replace(page, "by", "lr", "seed")
    expect(page.locator(LEGEND)).to_have_count(3)
    wait_for_view(page, by=("seed",))
    pick(page, "band", "no band")
    expect(page.locator("#caption")).not_to_contain_text("band")
    wait_for_view(page, by=("seed",), band="none")
    shared = look_at(address, "?" + page.url.partition("?")[2])
    expect(pills(shared, "by")).to_have_text(["seed"])
    expect(shared.locator("#caption")).to_have_text(page.locator("#caption").inner_text())
    page.go_back()
    expect(page.locator("#caption")).to_contain_text("the band is ± one standard deviation")
    expect(page.locator("#band")).to_have_value("± standard deviation")
    page.go_forward()
    expect(page.locator("#caption")).not_to_contain_text("band")


def test_runs_that_died_are_counted_and_left_out_if_one_chooses_so(look_at, serve_here, tmp_path):
    page = look_at(serve_here(write_dying_sweep(tmp_path / "outputs")), "?by=")
    early = "Of the 8 runs 5 failed and 1 was killed, with their last values at step 9 of 19: "
    "the mean is of 2 runs"
    expect(page.locator("#caption")).to_contain_text(early)
    page.get_by_role("button", name="Options").click()
    page.get_by_text("finished runs", exact=True).click()
    expect(page.locator("#caption")).to_contain_text("Only finished runs count: 6 are left out")
    expect(page.locator(ROWS)).to_have_count(2)
    wait_for_view(page, states="finished")
    page.go_back()
    expect(page.locator("#caption")).to_contain_text(early)
    expect(page.locator(ROWS)).to_have_count(8)
    page.go_forward()
    expect(page.locator(ROWS)).to_have_count(2)
    page.get_by_role("tab", name="Charts").click()
    expect(page.get_by_role("textbox", name="Runs that count")).to_have_value("finished runs")
    expect(page.locator("#chart-caption")).to_contain_text("6 are left out")


def test_what_makes_no_sense_in_an_address_is_said_and_the_rest_is_shown(look_at, address):
    page = look_at(address, "?by=seed&bnad=std&x_range=1,x&metrics=test/acuracy")
    expect(pills(page, "by")).to_have_text(["seed"])
    expect(page.locator("#notes li")).to_have_text(
        [
            re.compile("bnad=std.*did you mean 'band'"),
            re.compile("x_range=1,x"),
            "No run has logged test/acuracy.",
        ]
    )
    expect(page.locator(LEGEND)).to_have_count(3)


def test_the_keyboard_reaches_the_filter_the_rows_and_the_help(look_at, address):
    page = look_at(address)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("to the filter")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("/")
    expect(page.locator("#where")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#where")).not_to_be_focused()
    page.locator("#runs [row-index='0'] [col-id=state]").click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.locator("#hint")).to_contain_text("1 of 9")
    wait_for_view(page, selected=("1",))
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Run")).to_have_attribute("aria-selected", "true")
    expect(page).to_have_url(re.compile("run=1"))


def begin_note(page: Page, run: str) -> Locator:
    """The cell of a run's note, ready to be written."""
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("checkbox", name="Note").check()
    page.keyboard.press("Escape")
    note = page.locator(f"#runs [row-id='{run}'] [col-id=note]")
    note.dblclick()
    return note


def test_a_star_and_a_note_are_written_in_the_table_and_not_into_the_run(look_at, address):
    page = look_at(address)
    star = page.locator("#runs [row-id='4'] [col-id=star]")
    star.click()
    expect(star).to_have_text("★")
    note = begin_note(page, "4")
    page.keyboard.type("the best one")
    page.keyboard.press("Enter")
    expect(note).to_have_text("the best one")
    again = look_at(address)
    expect(again.locator("#runs [row-id='4'] [col-id=note]")).to_have_text("the best one")
    expect(again.locator("#runs .starred")).to_have_text(["★"])


def test_stars_that_are_turned_one_right_after_another_are_all_kept(look_at, address):
    page, runs = look_at(address), ("0", "1", "2")
    stars = [page.locator(f"#runs [row-id='{run}'] [col-id=star]") for run in runs]
    for star in stars:
        expect(star).to_have_text("☆")
    for shown in ("★", "☆"):
        page.evaluate(
            """runs => runs.forEach(run =>
              document.querySelector(`#runs [row-id='${run}'] [col-id=star]`).click())""",
            runs,
        )
        for star in stars:
            expect(star).to_have_text(shown)


def test_a_note_that_is_typed_in_no_time_turns_no_star_and_opens_no_run(look_at, address):
    page = look_at(address)
    note = begin_note(page, "7")
    page.keyboard.type("yes")
    # As on a busy machine: the field is gone before the grid tells of its keys.
    page.evaluate(
        """() => ["s", "Enter"].forEach(key => document.activeElement.dispatchEvent(
        new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true})))"""
    )
    expect(note).to_have_text("yes")
    with page.expect_response(lambda answer: "n_intervals" in (answer.request.post_data or "")):
        pass
    expect(page.get_by_role("tab", name="Compare")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#runs [row-id='7'] .starred")).to_have_count(0)


def test_a_line_hidden_in_the_legend_stays_hidden_with_its_band(look_at, address):
    page = look_at(address)
    page.locator("#curves .legendtoggle").first.click()
    expect(page.locator(BANDS)).to_have_count(2)
    drag(page, 0.25, 0.75)
    expect(page).to_have_url(re.compile("x_range="))
    page.locator("#scheme").click()
    expect(page.locator("#curves .main-svg").first).to_have_css("background-color", DARK_PAPER)
    replace(page, "metrics", "test/accuracy", "train/loss")
    expect(page.locator(LEGEND)).to_have_text(["0.001", "0.01", "0.1"])
    expect(page.locator(BANDS)).to_have_count(2)


BANDS_SEEN = """(wanted) => {
    const { data } = document.querySelector('#curves .js-plotly-plot');
    const isSeen = ({ uid }) => getComputedStyle(
      document.querySelector(`#curves .scatterlayer .trace${uid}`)).opacity > 0;
    const name = ({ legendgroup }) =>
      data.find((trace) => trace.showlegend && trace.legendgroup === legendgroup).name;
    const bands = data.filter((trace) => trace.uid.startsWith('band'));
    return `${bands.filter(isSeen).map(name)}` === wanted; }"""


def expect_bands(page: Page, names: str) -> None:
    """Wait until the bands of these lines are seen and no other."""
    page.wait_for_function(BANDS_SEEN, arg=names)


def test_of_many_lines_the_one_pointed_at_or_tapped_shows_its_band(browser, serve_here, tmp_path):
    for lr in range(7):
        for seed in range(2):
            values = {"acc": [0.0, lr + 0.2 * seed, lr + 0.3 * seed]}
            write_run(tmp_path / f"{lr}-{seed}", {"lr": lr, "seed": seed}, csv_text(values))
    address = serve_here(tmp_path)
    size = {"width": 1440, "height": 900}
    with browser.new_context(viewport=size, has_touch=True) as context:
        page = context.new_page()
        page.goto(address)
        expect(page.locator(ROWS)).to_have_count(14)
        expect(page.locator(BANDS)).to_have_count(7)
        expect_bands(page, "")
        wait_for_figure(page, hover="x unified")
        expect(page.locator("#caption")).to_contain_text("the band of the line you point at is")
        box = page.locator("#curves .nsewdrag").bounding_box()
        across = box["x"] + box["width"] - 3
        top = at(page, 6.1)
        page.mouse.move(across, top)
        expect_bands(page, "6")
        page.mouse.move(across, at(page, 3.1))  # at the same x
        expect_bands(page, "3")
        page.locator("header").hover()
        expect_bands(page, "")
        page.locator("#runs .ag-cell[col-id=run]").first.focus()
        expect_bands(page, "0")
        page.touchscreen.tap(across, top)
        expect_bands(page, "6")
        expect(page.locator(LEGEND)).to_have_count(7)
        page.touchscreen.tap(across, top)  # another one selects its runs
        expect(page.locator("#hint")).to_contain_text("2 of 14 runs drawn")
        page.set_viewport_size({"width": 1280, "height": 600})  # too low for what is said of all
        page.goto(address)
        expect(page.locator(LEGEND)).to_have_count(7)
        wait_for_figure(page, hover="closest")


def at(page: Page, value: float) -> float:
    """Where a value is on the page's vertical axis, in px from its top."""
    return page.evaluate(
        """(value) => { const plot = document.querySelector('#curves .js-plotly-plot');
        const axis = plot._fullLayout.yaxis;
        return plot.getBoundingClientRect().top + axis._offset + axis.d2p(value); }""",
        value,
    )


def test_the_range_of_each_axis_is_typed_and_what_a_log_axis_lacks_is_offered(
    look_at, serve_here, tmp_path
):
    for seed in range(2):
        values = {"constructor": [0.1, 0.2, 0.3], "reward": [-10.0 * (seed + 1), 0.0, 10.0]}
        for algo in ("a", "b"):
            config = {"algo": algo, "lr": len(algo), "seed": seed}
            write_run(tmp_path / f"{algo}{seed}", config, csv_text(values))
    page = look_at(serve_here(tmp_path), "?metrics=constructor&metrics=reward&log=y&by=")
    expect(page.locator("#notes")).to_contain_text("Of the 3 points of reward 2 are ≤ 0")
    page.get_by_role("button", name="Show values ≤ 0").click()
    expect(page.locator("#notes")).to_contain_text("The axis of reward is symlog")
    wait_for_view(page, nonpositive="symlog")
    page.get_by_role("button", name="Group by algo").click()
    wait_for_view(page, by=("algo",))
    page.get_by_role("button", name="Options").click()
    field = page.get_by_label("Range of reward", exact=True)
    for typed, answer in {
        "ten": "two numbers, as 0 to 1e6",
        "5 to -5": "the smaller one comes first: -5 to 5",
        "2 to 2": "nothing is between 2 and itself",
    }.items():
        field.fill(typed)
        field.press("Enter")
        expect(page.locator("#ranges")).to_contain_text(answer)
    field.evaluate(TYPED_AND_ENTERED, "-5 to 5")
    wait_for_view(page, y_ranges={"reward": (-5.0, 5.0)})
    expect(page.get_by_label("Range of constructor", exact=True)).to_have_value("")
    page.get_by_label("Range of step", exact=True).fill("0, 1")
    page.get_by_label("Range of step", exact=True).press("Enter")
    wait_for_view(page, x_range=(0.0, 1.0))
    field.fill("auto")
    field.press("Enter")
    wait_for_view(page, y_ranges={})
    page.keyboard.press("Escape")
    page.locator("#curves .nsewdrag").first.dblclick()
    wait_for_view(page, x_range=None)
