"""Metrics together, a baseline, reference lines, own names, hidden runs: as a hand chooses them."""

import pytest
from playwright.sync_api import expect

from tests.e2e.pages import LEGEND, ROWS, TYPED_AND_ENTERED, pick, wait_for_view
from tests.viewing.samples import write_sweep

TITLE = "#curves .ytitle"


@pytest.fixture(scope="module")
def address(tmp_path_factory, serve_here):
    return serve_here(write_sweep(tmp_path_factory.mktemp("runs") / "outputs"))


def test_what_is_compared_is_chosen_in_options_and_undone_by_back(look_at, address):
    page = look_at(address, "?metrics=test/accuracy&metrics=train/loss")
    page.get_by_role("button", name="Options").click()
    page.get_by_text("in one panel").click()
    wait_for_view(page, together=True)
    expect(page.locator(LEGEND)).to_have_count(6)
    expect(page.locator(TITLE)).to_have_text("test/accuracy, train/loss")
    page.locator("#references").fill("0.9 PPO (paper)")
    page.keyboard.press("Enter")
    wait_for_view(page, references=("test/accuracy = 0.9 PPO (paper)",))
    expect(page.locator("#curves .textpoint").filter(has_text="PPO (paper)")).to_be_visible()
    pick(page, "baseline", "lr=0.01")
    wait_for_view(page, baseline="lr=0.01")
    expect(page.locator("#caption")).to_contain_text("paired by seed (3 pairs)")
    expect(page.locator("#notes")).to_contain_text("left out of differences")
    expect(page.locator(LEGEND).filter(has_text="0.01 (baseline)")).to_have_count(2)
    page.go_back()
    wait_for_view(page, baseline="")
    expect(page.locator(LEGEND).filter(has_text="baseline")).to_have_count(0)
    page.go_back()
    wait_for_view(page, references=())
    expect(page.locator("#curves .textpoint")).to_have_count(0)


def test_groups_get_own_names_and_runs_are_hidden_until_they_are_shown_again(look_at, address):
    page = look_at(address, "?rows=groups")
    group = page.locator('#runs [row-id="0.01"]')
    group.locator('[col-id="label"]').dblclick()
    page.keyboard.type("ours")
    page.keyboard.press("Enter")
    expect(page.locator(LEGEND).filter(has_text="ours")).to_have_count(1)
    group.locator('[col-id="label"]').press("b")  # of the row: it becomes the baseline
    wait_for_view(page, baseline="lr=0.01")
    expect(page.locator(LEGEND).filter(has_text="ours (baseline)")).to_have_count(1)
    expect(group.locator('[col-id^="difference"]')).to_have_text("baseline")
    page.get_by_role("button", name="Reset names").click()
    expect(page.locator(LEGEND).filter(has_text="ours")).to_have_count(0)

    group.locator('[col-id="color"]').dblclick()
    field = group.locator('[col-id="color"] input')
    expect(field).to_be_visible()
    field.fill("#ff00aa")
    expect(group.locator('[col-id="color"]')).to_contain_text("#ff00aa")
    page.get_by_role("button", name="Reset names").click()

    page.locator('#runs [row-id="0.1"] input[type="checkbox"]').check()
    page.get_by_role("button", name="Hide", exact=True).click()
    expect(page.locator("#hidden-open")).to_have_text("3 hidden")
    expect(page.locator("#counts")).to_have_text("6 finished")
    expect(page.locator(ROWS)).to_have_count(2)
    expect(page.locator("#caption")).to_contain_text("3 runs are hidden")
    page.locator("#hidden-open").click()
    page.get_by_role("button", name="Show all 3 again").click()
    expect(page.locator("#counts")).to_have_text("9 finished")
    expect(page.locator(ROWS)).to_have_count(3)
    expect(page.locator("#hidden-open")).to_be_hidden()

    page.locator("#rows").get_by_text("Runs").click()
    page.locator('#runs [row-id="4"] input[type="checkbox"]').check()
    page.get_by_role("button", name="Tag", exact=True).click()
    page.locator("#tag-names").evaluate(TYPED_AND_ENTERED, "good")
    expect(page.locator('#runs [row-id="4"] [col-id="tags"]')).to_have_text("good")
