"""A server that is killed, stopped and started again while somebody looks; steps back."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import COMMAND, PATIENCE
from tests.e2e.pages import LEGEND, ROWS, axe_faults, replace, wait_for_view
from tests.viewing.samples import csv_text, write_run, write_sweep

FILTERS = ("lr < 0.05", "lr > 0.005", "name = 'adam'", "seed >= 1 and lr <> 0.1", "seed = 2")


class Viewer:
    """The command, at the same port each time."""

    def __init__(self, root: Path) -> None:
        self._root, self._port = root, "0"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-c", COMMAND, str(self._root), "--port", self._port]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.address = re.search(r"http://\S+", self.process.stdout.readline()).group()
        self._port = self.address.strip("/").rpartition(":")[2]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=60)
        self.process.stdout.close()


@pytest.fixture
def viewer(tmp_path):
    viewer = Viewer(write_sweep(tmp_path / "outputs"))
    yield viewer
    viewer.kill()


@pytest.fixture
def page(context):
    """One that may complain: the browser itself says that nobody answers."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    page.close()


def away(page: Page):
    return page.get_by_role("alert").filter(has_text=re.compile("No answer .* since \\d\\d:\\d\\d"))


def test_a_page_goes_on_where_it_was_once_a_killed_server_is_back(page, viewer, tmp_path):
    page.goto(viewer.address)
    expect(page.locator(ROWS)).to_have_count(9)
    page.evaluate("window.notReloaded = true")
    viewer.kill()
    expect(away(page)).to_be_visible()
    assert axe_faults(page) == []  # what is out of date can still be read
    replace(page, "by", "lr", "seed")
    wait_for_view(page, by=("seed",))  # a reload would find it, too
    page.locator("#where").fill("seed > 0")
    write_run(tmp_path / "outputs" / "9", {"seed": 7}, csv_text({"test/accuracy": [0.1, 0.2]}))
    viewer.start()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator(ROWS)).to_have_count(7)
    expect(page.locator(LEGEND)).to_have_text(["2", "1", "7"])
    assert page.evaluate("window.notReloaded")


def test_a_server_that_hangs_is_said_and_answers_when_it_can(page, viewer):
    page.goto(viewer.address)
    expect(page.locator(ROWS)).to_have_count(9)
    os.kill(viewer.process.pid, signal.SIGSTOP)
    replace(page, "by", "lr", "seed")
    expect(away(page)).to_be_visible()
    os.kill(viewer.process.pid, signal.SIGCONT)
    expect(page.locator(LEGEND)).to_have_text(["2", "1", "0"])
    expect(page.get_by_role("alert")).to_have_count(0)


def test_five_steps_back_over_filters_are_five_steps(look_at, serve_here, tmp_path):
    page = look_at(serve_here(write_sweep(tmp_path / "outputs")))
    expect(page.locator(ROWS)).to_have_count(9)
    rows = {}
    for text in FILTERS:
        page.locator("#where").fill(text)
        wait_for_view(page, where=text)
        rows[text] = page.locator("#caption").inner_text()
    length = page.evaluate("history.length")
    for text in [*FILTERS[-2::-1], ""]:
        page.go_back()
        expect(page.locator("#where")).to_have_value(text)
        wait_for_view(page, where=text)
    expect(page.locator(ROWS)).to_have_count(9)
    page.evaluate("history.go(5)")
    expect(page.locator("#where")).to_have_value(FILTERS[-1])
    page.evaluate("for (let i = 0; i < 5; i++) setTimeout(() => history.back(), 40 * i)")
    expect(page.locator("#where")).to_have_value("")  # in a hurry, too
    page.go_forward()
    expect(page.locator("#where")).to_have_value(FILTERS[0])
    assert page.evaluate("history.length") == length


MISS_ONE = """() => {
  const { rows } = dash_clientside.exptools;
  dash_clientside.exptools.rows = () => {
    dash_clientside.exptools.rows = rows;
    window.hasMissed = true;
    return dash_clientside.no_update;
  };
}"""


def test_a_table_that_has_missed_an_answer_asks_for_all_of_it(look_at, serve_here, tmp_path):
    page = look_at(serve_here(write_sweep(tmp_path / "outputs")))
    expect(page.locator(ROWS)).to_have_count(9)
    page.evaluate(MISS_ONE)
    page.locator("#where").fill("seed = 0")
    wait_for_view(page, where="seed = 0")
    page.wait_for_function("() => window.hasMissed")
    page.locator("#where").fill("seed = 1")
    expect(page.locator(ROWS)).to_have_count(3)
