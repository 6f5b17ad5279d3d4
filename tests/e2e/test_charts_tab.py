"""The tab of charts as a person meets it: point 4 of the app, and two sweeps side by side."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from exptools.rundir import SWEEP_FILE, USAGE_FILE, State, write_atomic
from exptools.viewing.app.charts.controls import CHARTS
from tests.e2e.pages import DRAWING, axe_faults, view_of, wait_for_view
from tests.viewing.samples import write_run, write_summary

T0 = 1_700_000_000.0
GRAPH = "#chart-graph .js-plotly-plot"
HOSTILE = '<img src=x onerror="alert(1)"> & <b>bold</b>'


@pytest.fixture(scope="module")
def address(tmp_path_factory, serve_here):
    """Two sweeps of three learning rates, two tasks and two seeds; one job failed."""
    root = tmp_path_factory.mktemp("runs") / "outputs"
    for sweep, algo in (("a", "ppo"), ("b", "sac")):
        jobs = [(lr, env, s) for lr in (1e-3, 1e-2, 0.1) for env in ("x", "y") for s in (0, 1)]
        for job, (lr, env, seed) in enumerate(jobs):
            config = {"algo": algo, "lr": lr, "env": env, "seed": seed}
            best = job + (algo == "sac") + seed / 4
            metrics = {"acc": [best * step / 9 for step in range(10)], "loss": [1.0] * 9 + [best]}
            state = State.FAILED if (sweep, job) == ("a", 5) else State.COMPLETED
            times = {"queued": T0, "started": T0 + job // 2 * 60, "ended": T0 + job // 2 * 60 + 50}
            place = {"job": job, "slot": job % 2, "host": "h"}
            run = write_run(root / sweep / str(job), config, metrics, state, **times, **place)
            write_summary(run, score=100.0 - best)
            usage = f"time,cpu_percent,rss,gpu_percent,gpu_memory\n{times['ended']},90,1,,\n"
            write_atomic(run / USAGE_FILE, usage.encode())
        write_atomic(root / sweep / SWEEP_FILE, b"{}\n")
    write_run(root / "c" / HOSTILE.replace("/", "|"), {"lr": 1.0, "env": HOSTILE}, {"acc": [3.0]})
    return serve_here(root)


@pytest.fixture
def page(look_at, address) -> Page:
    page = look_at(address)
    page.get_by_role("tab", name="Charts").click()
    page.locator(f"{GRAPH} .main-svg").first.wait_for()
    return page


def show(page: Page, chart: str) -> None:
    page.locator("#chart-kind").get_by_text(CHARTS[chart], exact=True).click()


def choose(page: Page, label: str, option: str) -> None:
    page.locator("#chart-controls").get_by_role("textbox", name=label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()


def caption(page: Page):
    return page.locator("#chart-caption")


def test_a_value_of_the_runs_summaries_can_be_drawn_and_sorted_by(page):
    choose(page, "Metric", "score (of the run)")
    expect(caption(page)).to_contain_text("the score of a run")
    expect(page.get_by_role("textbox", name="Value of a run")).to_have_count(0)
    wait_for_view(page, options={"metric": "summary.score"})
    choose(page, "Metric", "loss")
    expect(caption(page)).to_contain_text("last loss of a run")
    page.get_by_role("tab", name="Compare").click()
    page.get_by_role("columnheader", name="score").click()
    score = "#runs [row-index='{}'] [col-id='summary score']"
    expect(page.locator(score.format(1))).to_have_text("87.75")  # behind one without
    page.get_by_role("columnheader", name="score").click()
    expect(page.locator(score.format(0))).to_have_text("100")


def test_two_groups_are_compared_and_the_answer_can_be_sent_and_taken_away(page):
    show(page, "importance")
    expect(caption(page).locator("strong")).to_contain_text("lr explains")
    show(page, "improvement")
    answer = caption(page).locator("strong")
    expect(answer).to_contain_text("lr=0.1 is better than lr=0.01, by")
    choose(page, "better than", "0.001")
    expect(answer).to_contain_text("lr=0.1 is better than lr=0.001, by")
    wait_for_view(page, options={"of": "0.1", "over": "0.001"})  # whatever the best are later
    page.get_by_role("button", name="Copy as Python").click()
    expect(page.locator("#python-lines")).to_contain_text('over="lr = 0.001"')
    page.keyboard.press("Escape")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Numbers, CSV").click()
    assert saved.value.suggested_filename == "improvement-acc.csv"
    page.set_viewport_size({"width": 390, "height": 844})
    page.reload()
    expect(answer).to_contain_text("lr=0.1 is better than lr=0.001, by")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert not axe_faults(page)


def test_every_chart_appears_with_its_own_options(page):
    expect(caption(page)).to_contain_text("A dot is the last acc of a run")
    names = page.locator("#chart-controls label.mantine-InputWrapper-label")
    runs = "Runs that count"
    expect(names).to_have_text(["Metric", "Value of a run", "Group by", "Centre", "Interval", runs])
    expect(page.locator(f"{GRAPH} .errorbar").nth(1)).to_be_attached()

    show(page, "heat-map")
    expect(caption(page)).to_contain_text("Each cell is the mean of the last acc of its runs")
    expect(page.locator(f"{GRAPH} .heatmaplayer image")).to_have_count(1)
    expect(names).to_have_text(["Metric", "Value of a run", "Columns", "Rows", "Centre", runs])
    choose(page, "Rows", "env")
    expect(page.locator(f"{GRAPH} .ytick").filter(has_text="<img")).to_have_count(1)
    assert page.locator("#chart-graph img, #chart-graph b").count() == 0

    show(page, "parallel")
    expect(caption(page)).to_contain_text("A line is a run, coloured by its last acc (n = 25)")
    expect(page.locator(f"{GRAPH} .annotation-text").filter(has_text="lr (log)")).to_have_count(1)

    show(page, "scatter")
    expect(caption(page)).to_contain_text("A dot is a run: last acc over lr")
    expect(page.locator(f"{GRAPH} .points path")).to_have_count(25)

    show(page, "timeline")
    expect(caption(page)).to_contain_text("A bar is a job in its slot (n = 24)")
    expect(page.locator(f"{GRAPH} .legendtext")).to_have_text(["finished", "failed"])
    expect(page.locator(f"{GRAPH} .y2title")).to_have_text("CPU cores")
    expect(names).to_have_count(0)

    show(page, "sweeps")
    expect(caption(page)).to_contain_text("in the mean of 12 pairs")
    expect(page.locator(".differences td")).to_have_text(["algo", "ppo", "sac"])
    pairs = page.locator("#chart-pairs .ag-center-cols-container .ag-row")
    expect(pairs.first).to_contain_text("a/0")
    wait_for_view(page, chart="sweeps")


def test_options_change_the_chart_and_the_address_has_them(page):
    choose(page, "Metric", "loss")
    expect(caption(page)).to_contain_text("last loss of a run")
    choose(page, "Value of a run", "mean of the last …")
    expect(caption(page)).to_contain_text("mean of the last 10 values of loss")
    page.get_by_label("Values", exact=True).fill("3")
    expect(caption(page)).to_contain_text("mean of the last 3 values of loss")
    choose(page, "Centre", "median")
    expect(caption(page)).to_contain_text("a diamond the median of")
    expect(page.get_by_role("textbox", name="Centre")).to_be_focused()
    choose(page, "Interval", "95 % interval, bootstrap")
    expect(caption(page)).to_contain_text("the 95 % confidence interval (bootstrap)")
    page.get_by_text("Bars", exact=True).click()
    expect(page.locator(f"{GRAPH} .barlayer .point").first).to_be_attached()
    show(page, "heat-map")
    choose(page, "Columns", "env")
    expect(page.locator(f"{GRAPH} .xtitle")).to_have_text("env")
    expect(caption(page)).to_contain_text("the median of the mean of the last 3 values of loss")

    page.wait_for_url("**option.columns=env*")
    view = view_of(page)
    assert view.metrics[0] == "loss"
    assert (view.center, view.band, view.chart) == ("median", "ci:95", "heat-map")
    assert view.options == {"summary": "mean:3", "style": "bars", "columns": "env"}
    page.reload()
    expect(page.locator(f"{GRAPH} .xtitle")).to_have_text("env")
    page.go_back()
    expect(page.locator(f"{GRAPH} .xtitle")).to_have_text("lr")
    expect(page.get_by_role("textbox", name="Columns")).to_have_value("lr")


CHOSEN_WHILE_IT_SAYS = """() => {
  const charts = window.dash_clientside.exptools_charts;
  const { say } = charts;
  charts.say = (drawn, values) => {
    charts.say = say;
    const { outputs_list } = window.dash_clientside.callback_context;
    const at = outputs_list.findIndex(({ id }) => id.name === "columns");
    window.dash_clientside.set_props(outputs_list[at].id, { value: "env" });
    return say(drawn, values.with(at, "env"));
  };
}"""


def test_a_choice_in_a_control_that_has_just_been_drawn_is_kept(page):
    page.evaluate(CHOSEN_WHILE_IT_SAYS)
    show(page, "heat-map")
    expect(page.locator(f"{GRAPH} .xtitle")).to_have_text("env")
    expect(page.get_by_role("textbox", name="Columns")).to_have_value("env")


def middle_of_dot(page: Page, number: int) -> dict[str, float]:
    expect(page.locator(DRAWING)).to_have_count(0)
    dot = page.locator(f"{GRAPH} .points path").nth(number).bounding_box()
    plot = page.locator(f"{GRAPH} .nsewdrag").bounding_box()
    return {
        "x": dot["x"] + dot["width"] / 2 - plot["x"],
        "y": dot["y"] + dot["height"] / 2 - plot["y"],
    }


def test_a_zoom_stays_for_as_long_as_the_same_is_shown_and_a_click_on_a_dot_opens_its_run(page):
    show(page, "scatter")
    expect(page.locator(f"{GRAPH} .points path")).to_have_count(25)
    page.evaluate(f"Plotly.relayout(document.querySelector('{GRAPH}'), {{'yaxis.range': [2, 6]}})")
    page.locator("#scheme").click()
    paper = page.locator(f"{GRAPH} .main-svg").first
    expect(paper).to_have_css("background-color", "rgb(23, 26, 33)")
    assert y_range(page) == [2, 6]
    choose(page, "Value of a run", "highest")
    expect(page.locator(f"{GRAPH} .ytitle")).to_have_text("highest acc")
    assert y_range(page) != [2, 6]

    plot, place = page.locator(f"{GRAPH} .nsewdrag"), middle_of_dot(page, 3)
    plot.hover(force=True, position=place)
    hover = page.locator(f"{GRAPH} .hoverlayer text").first
    expect(hover).to_contain_text("lr:")
    name = hover.locator("tspan").first.text_content()
    plot.click(force=True, position=place)
    expect(page).to_have_url(re.compile("tab=run"))
    assert view_of(page).run == name


def y_range(page: Page) -> list[float]:
    return page.evaluate(f"document.querySelector('{GRAPH}').layout.yaxis.range")


def test_where_a_chart_needs_more_one_sentence_says_so(look_at, serve_here, tmp_path):
    for job in range(2):
        write_run(tmp_path / str(job), {"lr": job}, {"acc": [1.0 * job]})
    page = look_at(serve_here(tmp_path))
    page.get_by_role("tab", name="Charts").click()
    show(page, "heat-map")
    sentence = "A heat map needs two keys that vary between the runs; here only lr does."
    expect(page.locator("#chart-empty")).to_have_text(sentence)
    expect(page.locator("#chart-graph")).to_be_hidden()
    show(page, "bars")
    expect(page.locator(f"{GRAPH} .main-svg").first).to_be_visible()
    expect(page.locator("#chart-empty")).to_be_hidden()


def test_a_chart_chosen_before_the_first_answer_is_not_taken_back_by_it(
    look_at, serve_here, tmp_path
):
    for job in range(2):
        write_run(tmp_path / str(job), {"lr": job}, {"acc": [1.0 * job]})
    page = look_at(serve_here(tmp_path))
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held or "chart-controls" not in (route.request.post_data or ""):
            route.continue_()
        else:
            held.append(route)

    page.route("**/_dash-update-component*", hold_the_first)
    with page.expect_request(lambda asked: "chart-controls" in (asked.post_data or "")):
        page.get_by_role("tab", name="Charts").click()
    show(page, "heat-map")
    held[0].continue_()
    expect(page.locator("#chart-empty")).to_contain_text("A heat map needs two keys")
    expect(page.locator("#chart-kind input[value='heat-map']")).to_be_checked()
    assert view_of(page).chart == "heat-map"
