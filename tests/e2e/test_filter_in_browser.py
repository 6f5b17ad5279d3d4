"""One filter: the funnels of the table write into the box, which rules chart, table and address."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.pages import LEGEND, ROWS, view_of, wait_for_view
from tests.viewing.samples import write_sweep

ACTIVE = "#runs .ag-header-cell:has(.ag-filter-active)"


@pytest.fixture(scope="module")
def address(tmp_path_factory, serve_here):
    return serve_here(write_sweep(tmp_path_factory.mktemp("runs") / "outputs"))


def head(page: Page, column: str) -> Locator:
    return page.locator(f"#runs .ag-header-cell[col-id='{column}']")


def open_funnel(page: Page, column: str) -> Locator:
    head(page, column).hover()
    head(page, column).locator(".ag-header-cell-filter-button").click()
    return page.locator(".ag-filter")


def close_funnel(page: Page) -> None:
    page.locator("#hint").click()
    expect(page.locator(".ag-filter")).to_have_count(0)


def test_a_funnel_writes_into_the_filter_that_rules_chart_table_and_address(look_at, address):
    page = look_at(address)
    expect(page.locator(ROWS)).to_have_count(9)
    box = page.locator("#where")
    box.fill("seed > 0")
    expect(page.locator(ROWS)).to_have_count(6)
    wait_for_view(page, where="seed > 0")
    open_funnel(page, "config optim.lr").locator("input").first.fill("0.01")
    expect(box).to_have_value("seed > 0 and (optim.lr = 0.01)")
    expect(page.locator(ROWS)).to_have_count(2)
    expect(page.locator(LEGEND)).to_have_text(["0.01"])
    close_funnel(page)
    name = open_funnel(page, "run")
    name.get_by_role("textbox").first.fill("5")  # contains
    both = "seed > 0 and (optim.lr = 0.01) and (name ilike '%5%')"
    expect(box).to_have_value(both)
    expect(page.locator(ROWS)).to_have_count(1)
    wait_for_view(page, where=both)
    close_funnel(page)

    again = look_at(address, "?" + page.url.partition("?")[2])
    expect(again.locator(ROWS)).to_have_count(1)
    expect(again.locator(ACTIVE)).to_have_count(2)
    expect(open_funnel(again, "config optim.lr").locator("input").first).to_have_value("0.01")

    page.go_back()
    expect(box).to_have_value("seed > 0 and (optim.lr = 0.01)")
    expect(page.locator(ROWS)).to_have_count(2)
    expect(page.locator(ACTIVE)).to_have_count(1)
    open_funnel(page, "config optim.lr").get_by_role("button", name="Reset").click()
    expect(box).to_have_value("seed > 0")
    expect(page.locator(ROWS)).to_have_count(6)
    expect(page.locator(ACTIVE)).to_have_count(0)


def test_runs_that_a_funnel_hides_stay_ticked(look_at, address):
    page = look_at(address, "?where=(seed+=+0)&selected=0&selected=1")
    expect(page.locator("#hint")).to_have_text(
        "1 of 9 runs drawn. The filter hides 1 that is ticked."
    )
    page.locator("#runs [row-id='3'] input[type=checkbox]").check()
    expect(page.locator("#hint")).to_have_text(
        "2 of 9 runs drawn. The filter hides 1 that is ticked."
    )
    page.locator("#where").fill("")
    expect(page.locator("#hint")).to_contain_text("3 of 9 runs drawn.")
    expect(page.locator(f"{ROWS}.ag-row-selected")).to_have_count(3)


def columns_of(page: Page) -> list[str]:
    """The columns from left to right; those that are pinned come first."""
    heads = page.locator("#runs .ag-header-cell[col-id]:not([col-id^=ag-])").all()
    places = [(one.bounding_box()["x"], one.get_attribute("col-id")) for one in heads]
    return [name for _, name in sorted(places)]


def drag_head(page: Page, name: str, before: str) -> None:
    """Take a column's head to another's place, and hold it there.

    A busy page may move the head away from under the mouse: then it is taken once more.
    """
    for _ in range(20):
        head(page, name).hover(position={"x": 30, "y": 15})  # once it has come to rest
        page.mouse.down()
        taken, place = head(page, name).bounding_box(), head(page, before).bounding_box()
        page.mouse.move(taken["x"] - 40, taken["y"] + 15, steps=4)
        page.mouse.move(place["x"] + 20, place["y"] + 15, steps=8)
        if "ag-header-cell-moving" in (head(page, name).get_attribute("class") or ""):
            return
        page.mouse.up()
    pytest.fail(f"{name} cannot be dragged")


def test_the_order_and_the_widths_of_columns_are_in_the_address(look_at, address):
    page = look_at(address)
    expect(page.locator(ROWS)).to_have_count(9)
    usual = columns_of(page)
    drag_head(page, "step", "state")
    page.mouse.up()
    wait_for_view(page, order=("run>step",))
    head(page, "config seed").focus()  # the mouse would meet another one where columns still move
    page.keyboard.press("Alt+ArrowRight")
    page.wait_for_url(re.compile("widths="))
    (width,) = view_of(page).widths
    shared = look_at(address, "?" + page.url.partition("?")[2])
    expect(shared.locator(ROWS)).to_have_count(9)
    moved = [*usual[:2], "step", *(name for name in usual[2:] if name != "step")]
    assert columns_of(shared) == moved
    assert width == f"config seed:{head(shared, 'config seed').bounding_box()['width']:.0f}"
    page.go_back()
    page.go_back()
    wait_for_view(page, order=(), widths=())
    expect(head(page, "step")).to_have_attribute("aria-colindex", str(len(usual) + 1))
    assert columns_of(page) == usual
