"""Runs that come, grow and go while somebody looks, and pages with little or very much to show."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from exptools.rundir import PROGRESS_CSV, State
from tests.e2e.pages import BANDS, LEGEND, ROWS, drag, figure, pills
from tests.viewing.samples import csv_text, write_run, write_sweep


def tick_of(page: Page, run: str):
    return page.locator(f"#runs .ag-pinned-left-cols-container [row-id='{run}'] input")


def test_a_growing_run_appears_without_a_reload_and_takes_nothing_away(
    look_at, serve_here, tmp_path
):
    sweep = write_sweep(tmp_path / "outputs")
    page = look_at(serve_here(sweep))
    page.evaluate("window.notReloaded = true")
    tick_of(page, "0").check()
    expect(page.locator("#hint")).to_contain_text("1 of 9")
    drag(page, 0.25, 0.75)
    expect(page).to_have_url(re.compile("x_range"))
    zoomed = figure(page)["x"]
    page.mouse.wheel(0, 300)
    page.wait_for_function("() => window.scrollY > 0")

    with (sweep / "0" / PROGRESS_CSV).open("a") as file:
        file.write("30,1.0,1.5,0.5\n")
    write_run(
        sweep / "9",
        {"optim": {"lr": 1.0}, "seed": 0},
        csv_text({"train/loss": [3.0]}),
        state=State.QUEUED,
    )

    expect(page.locator("#counts")).to_have_text("9 finished1 queued")
    expect(page.locator(ROWS)).to_have_count(10)
    expect(page.locator("#runs [row-id='0'] [col-id=step]")).to_have_text("30")
    expect(page.locator("#hint")).to_contain_text("1 of 10")
    expect(tick_of(page, "0")).to_be_checked()
    assert figure(page)["x"] == zoomed
    assert page.evaluate("window.notReloaded && window.scrollY > 0")


def test_a_page_with_nothing_new_asks_for_nothing_but_the_version(look_at, serve_here, tmp_path):
    page = look_at(serve_here(write_sweep(tmp_path / "outputs")))
    page.locator("#runs .ag-row").first.wait_for()  # comes last
    page.wait_for_load_state("networkidle")
    asked = []
    page.on("request", lambda request: asked.append(request.post_data or ""))
    for _ in range(2):
        with page.expect_response(
            lambda answer: "n_intervals" in (answer.request.post_data or "")
        ) as poll:
            pass
        assert poll.value.json()["response"] == {}
    assert all("n_intervals" in question for question in asked)


def test_before_the_first_value_one_sentence_says_so_and_then_the_curve_comes(
    look_at, serve_here, tmp_path
):
    run = write_run(tmp_path / "outputs" / "0", {"lr": 1}, None, state=State.QUEUED)
    page = look_at(serve_here(run.parent))
    expect(page.locator("#empty")).to_have_text(
        "No metric yet. Curves appear here as soon as a run logs its first value."
    )
    (run / PROGRESS_CSV).write_text(csv_text({"loss": [3.0, 2.0, 1.0]}))
    expect(pills(page, "metrics")).to_have_text(["loss"])
    expect(page.locator("#empty")).to_be_hidden()
    expect(page.locator("#caption")).to_have_text(
        "The only run so far: there is nothing to compare it with yet."
    )


def test_of_too_many_groups_the_best_are_drawn_and_the_others_a_click_away(
    look_at, serve_here, tmp_path
):
    for job in range(120):
        rows = csv_text({"reward": [job, job + 1.0, job // 2]})
        write_run(tmp_path / str(job), {"width": job // 2, "seed": job % 2}, rows)
    page = look_at(serve_here(tmp_path))
    expect(page.locator("#pager-text")).to_contain_text("Groups 1 to 40 of 60")
    expect(page.locator(BANDS)).to_have_count(40)
    expect(page.locator(LEGEND).first).to_have_text("59")
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#pager-text")).to_contain_text("Groups 41 to 60 of 60")
    expect(page.locator(LEGEND).first).to_have_text("19")
    expect(page.get_by_role("button", name="Next")).to_be_disabled()


def write_many(root: Path) -> Path:
    """Runs with as little as a run can have, quickly."""
    text = csv_text({"acc": [0.1, 0.5, 0.9]})
    for job in range(10_000):
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
