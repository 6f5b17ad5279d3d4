"""The page at a glance: on a phone, and where runs have returned a number and logged no curve."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.pages import axe_faults
from tests.media_samples import write_wall
from tests.viewing.samples import write_run, write_summary, write_sweep

PHONE = {"width": 390, "height": 844}
READY = {
    "compare": "#runs .ag-cell",
    "charts": "#chart-graph .main-svg",
    "media": ".wall-tile img",
    "run": "#run-facts dd",
}
FINGER = 40  # px

# What lies beside the page, and what is too small for a finger or lies under something else.
FAULTS = """() => {
  const found = [];
  const page = document.scrollingElement;
  if (page.scrollWidth > window.screen.width) found.push(`${page.scrollWidth} px wide`);
  const targets = document.querySelectorAll(
    'main button, header button, main input, main textarea, main summary, main a[href], ' +
    'main label[class*=SegmentedControl]');
  for (const target of targets) {
    const field = target.closest('[class*=Input-input]') || target;
    const box = field.getBoundingClientRect();
    const isSeen = target.checkVisibility({visibilityProperty: true, opacityProperty: true});
    const isOwn = !target.closest('.ag-root, .modebar, [class*=Pill]') && target.type !== 'radio';
    if (!isSeen || !isOwn || !box.width) continue;
    const name = `${target.tagName} ${target.id} ${target.textContent.slice(0, 20)}`;
    if (box.width < FINGER || box.height < FINGER)
      found.push(`${name}: ${box.width} x ${box.height}`);
    target.scrollIntoView({block: 'center'});
    const at = field.getBoundingClientRect();
    const top = document.elementFromPoint(at.x + at.width / 2, at.y + at.height / 2);
    if (top && !field.contains(top) && !top.contains(field)) found.push(`${name}: under ${top.id}`);
  }
  return found;
}""".replace("FINGER", str(FINGER))


@pytest.fixture
def phone(browser: Browser):
    context = browser.new_context(viewport=PHONE, screen=PHONE, is_mobile=True, has_touch=True)
    yield context.new_page()
    context.close()


def open_tab(page: Page, tab: str) -> None:
    page.get_by_role("tab", name=tab.title()).tap()
    page.locator(READY[tab]).first.wait_for(state="attached")


def test_on_a_phone_each_tab_is_for_a_thumb_and_nothing_lies_over_anything(
    phone, serve_here, tmp_path
):
    complaints = []
    phone.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    root = write_sweep(tmp_path / "outputs")
    write_wall(root / "4")
    phone.goto(serve_here(root) + "?run=4")
    for tab, shown in READY.items():
        open_tab(phone, tab)
        assert phone.evaluate(FAULTS) == [], tab
        expect(phone.locator(shown).first).to_be_visible()
        assert axe_faults(phone) == [], tab
    open_tab(phone, "compare")
    legend = phone.locator("#curves .legend").bounding_box()
    plot = phone.locator("#curves .nsewdrag").first.bounding_box()
    assert legend["y"] > plot["y"] + plot["height"]  # below, and the plot is as wide as the page
    assert plot["width"] > 250
    assert complaints == []


def test_what_runs_returned_is_in_the_table_at_first_and_is_copied_to_the_digit(
    look_at, serve_here, tmp_path
):
    for job, result in enumerate((1475000000, 1234567.891, 1e-7)):
        write_summary(write_run(tmp_path / str(job), {"lr": job}), result=result)
    page = look_at(serve_here(tmp_path))
    cells = page.locator('#runs .ag-cell[col-id="summary result"]')
    expect(cells).to_have_text(["1.475B", "1.23457M", "1e-7"])
    expect(page.locator("#empty")).to_contain_text("What they came to (result) is in the table")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    copied = []
    for row in range(3):
        cells.nth(row).click()
        page.keyboard.press("Control+c")
        copied.append(page.evaluate("navigator.clipboard.readText()"))
    assert copied == ["1475000000", "1234567.891", "1e-7"]
