"""What the browser tests do with a page, and read from it."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page

from exptools.viewing.app.view import View

LINES = "#curves .scatterlayer .js-line"
BANDS = "#curves .scatterlayer .js-fill"
LEGEND = "#curves .infolayer .legendtext"
DRAWING = ".dash-graph--pending"  # charts, for as long as Plotly draws it
ROWS = "#runs .ag-center-cols-container .ag-row"


def view_in(address: str) -> View:
    """What an address has chosen."""
    return View.from_query(address.partition("?")[2])


# As fast as a paste, or somebody's last letter and Enter on a busy page.
TYPED_AND_ENTERED = """async (field, text) => {
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, text);
  field.dispatchEvent(new Event('input', {bubbles: true}));
  for (let turn = 0; turn < 9; turn++) await null; // no timer comes between
  field.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true}));
}"""


FADED = """() => Promise.allSettled(document.getAnimations()
    .filter(one => one instanceof CSSTransition).map(one => one.finished))"""


def axe_faults(page: Page) -> list[str]:
    """What axe finds on a page that makes it hard to use for somebody, with the elements."""
    page.evaluate(FADED)  # colours between two are nobody's
    return [
        f"{violation['id']}: {node['html'][:160]} {node['any'][:1]}"
        for violation in Axe().run(page).response["violations"]
        for node in violation["nodes"]
    ]


def add(page: Page, control: str, option: str) -> None:
    """Choose one more in a control that holds several."""
    page.locator(f"#{control}").click()
    page.get_by_role("option", name=option, exact=True).click()
    page.keyboard.press("Escape")


def replace(page: Page, control: str, old: str, new: str) -> None:
    add(page, control, new)
    pills(page, control).filter(has_text=old).locator("button").click()


def pills(page: Page, control: str) -> Locator:
    """What is chosen in a control that holds several."""
    box = page.locator(".control", has=page.locator(f"#{control}"))
    return box.locator("[class*=Pill-root]")


def pick(page: Page, control: str, option: str) -> None:
    """Choose in a control of the options."""
    if not page.locator(f"#{control}").is_visible():
        page.get_by_role("button", name="Options").click()
    page.locator(f"#{control}").click()
    page.get_by_role("option", name=option, exact=True).click()


def drawn(page: Page, selector: str) -> list[str]:
    shapes = [path.get_attribute("d") for path in page.locator(selector).all()]
    return [shape for shape in shapes if shape]


def figure(page: Page) -> dict[str, Any]:
    """The ranges of the first axes and how many points its traces have."""
    return page.evaluate(
        """() => { const plot = document.querySelector('#curves .js-plotly-plot');
        return {x: plot._fullLayout.xaxis.range, y: plot._fullLayout.yaxis.range,
                points: plot.calcdata.map(trace => trace.length),
                type: plot._fullLayout.yaxis.type,
                hover: plot._fullLayout.hovermode, auto: plot._fullLayout.xaxis.autorange}; }"""
    )


def wait_for_figure(page: Page, **fields: object) -> None:
    """The chart follows what is chosen a moment later: wait until it has the fields."""
    while fields != {name: value for name, value in figure(page).items() if name in fields}:
        page.wait_for_timeout(20)


def drag(page: Page, start: float, end: float) -> None:
    """Zoom into a part of the x axis, given in parts of the chart's width."""
    plot = page.locator("#curves .nsewdrag").first.bounding_box()
    middle = plot["y"] + plot["height"] / 2
    page.mouse.move(plot["x"] + plot["width"] * start, middle)
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] * (start + end) / 2, middle, steps=4)
    page.mouse.move(plot["x"] + plot["width"] * end, middle, steps=4)
    page.mouse.up()


def view_of(page: Page) -> View:
    return view_in(page.url)


def wait_for_view(page: Page, **fields: object) -> None:
    """The address follows what the page shows a moment later: wait until it has the fields."""
    page.wait_for_url(lambda url: fields == {name: getattr(view_in(url), name) for name in fields})
