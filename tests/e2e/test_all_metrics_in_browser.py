"""All metrics at once: small charts that come into view, are searched, folded and chosen."""

import math
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from exptools.rundir import PROGRESS_CSV
from tests.e2e.pages import LEGEND, ROWS, pills, wait_for_view
from tests.viewing.samples import csv_text, write_run

ROUTE = "/_small-charts"
PAINTED = ".small-chart .painted-center"
STEPS = 20


def write_many_metrics(root: Path) -> Path:
    """Two learning rates with two seeds; the metrics have three prefixes, or none."""
    for job in range(4):
        lr, seed = (0.1, 0.01)[job % 2], job // 2
        curve = [math.exp(-lr * step) + 0.1 * seed for step in range(STEPS)]
        metrics = {f"train/loss{number:02}": curve for number in range(40)}
        metrics |= {"test/accuracy": curve, "test/gone": [math.nan] * STEPS, "reward": curve}
        metrics |= {f"layers/{number}/weight": [-y for y in curve] for number in range(12)}
        write_run(root / str(job), {"lr": lr, "seed": seed}, csv_text(metrics))
    return root


@pytest.fixture(scope="module")
def address(tmp_path_factory, serve_here):
    return serve_here(write_many_metrics(tmp_path_factory.mktemp("runs") / "outputs"))


def small(page: Page, metric: str):
    return page.get_by_role("button", name=metric, exact=True)


def test_charts_of_all_metrics_are_painted_as_they_come_into_view(look_at, address):
    page = look_at(address)
    asked = []
    page.on(
        "request", lambda r: asked.extend(r.post_data_json["metrics"] if ROUTE in r.url else [])
    )
    expect(page.locator("#metric-count")).to_have_text("55")
    expect(page.locator(ROWS)).to_have_count(4)
    assert asked == []  # before it is open
    page.locator("#all-metrics > summary").click()
    expect(page.locator("#all-metrics h3")).to_have_text(
        ["no prefix", "layers/", "test/", "train/"]
    )
    expect(small(page, "reward").locator(".painted-center")).to_have_count(2)
    expect(small(page, "reward").locator(".painted-band")).to_have_count(2)
    expect(small(page, "reward")).to_have_attribute("title", re.compile("0.01: .*\n0.1: "))
    last = small(page, "train/loss39")
    last.scroll_into_view_if_needed()
    expect(last.locator(".painted-center")).to_have_count(2)
    assert "train/loss02" not in asked  # which was never in view
    small(page, "test/gone").scroll_into_view_if_needed()
    expect(small(page, "test/gone")).to_contain_text("All values of test/gone are NaN or infinite")
    assert len(asked) == len(set(asked))  # nothing twice


FOLDED_AT_ONCE = """prefixes => prefixes.forEach(prefix => [...document
    .querySelectorAll('#all-metrics summary')]
    .find(one => one.parentElement.dataset.prefix === prefix).click())"""


def test_a_small_chart_becomes_the_main_one_by_a_key_and_the_back_button_undoes_it(
    look_at, address
):
    page = look_at(address, "?all_metrics=1&log=y")
    main = page.locator(".small-chart[aria-current]")
    expect(main).to_have_attribute("data-metric", "test/accuracy")
    page.get_by_role("textbox", name="Search metrics").fill("loss 07")
    expect(page.locator(".small-chart:visible")).to_have_count(1)
    expect(page.locator("#metric-count")).to_have_text("1 of 55")
    wait_for_view(page, search="loss 07")
    small(page, "train/loss07").press("Enter")
    expect(pills(page, "metrics")).to_have_text(["train/loss07"])
    expect(small(page, "train/loss07")).to_have_attribute("aria-current", "true")
    expect(page.locator(LEGEND)).to_have_count(2)
    wait_for_view(page, metrics=("train/loss07",), search="loss 07", all_metrics=True)
    page.go_back()
    expect(pills(page, "metrics")).to_have_text(["test/accuracy"])
    page.get_by_role("textbox", name="Search metrics").fill("los+")
    expect(page.locator("#no-metric")).to_have_text("No metric has “los+” in its name.")
    page.get_by_role("textbox", name="Search metrics").fill("")
    expect(small(page, "layers/0/weight")).to_contain_text("a log axis has no place")
    page.locator("#all-metrics summary", has_text="layers/").press("Enter")
    expect(small(page, "layers/0/weight")).to_be_hidden()
    wait_for_view(page, folded=("layers/",))
    page.evaluate(FOLDED_AT_ONCE, ["layers/", "train/"])  # the first one opens again
    wait_for_view(page, folded=("train/",))


def test_small_charts_follow_the_filter_and_new_rows(look_at, serve_here, tmp_path):
    root = write_many_metrics(tmp_path / "outputs")
    page = look_at(serve_here(root), "?all_metrics=1&search=test/")
    chart = small(page, "test/accuracy")
    expect(chart.locator(".painted-center")).to_have_count(2)
    page.locator("#where").fill("lr = 0.1")
    expect(chart.locator(".painted-center")).to_have_count(1)
    before = chart.get_attribute("title")
    with (root / "0" / PROGRESS_CSV).open("a") as file:
        file.write(",".join([str(STEPS), "1.7e9", *["5.0"] * 55]) + "\n")
    expect(chart).not_to_have_attribute("title", before)
    expect(page.locator(".small-chart:visible")).to_have_count(2)  # what is searched stays
