"""What there is, is documented; and every page can be found from the first one."""

import contextlib
import re
from pathlib import Path

import pytest

import exptools
import exptools.launching
import exptools.viewing
from exptools import logger
from exptools.viewing.cli.parser import COMMANDS, parse
from tests.docs.page import DOCS, ROOT

PAGES = sorted(DOCS.rglob("*.md"))


def test_every_page_is_in_the_table_of_contents() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    trees = "\n".join(re.findall(r"```\{toctree\}\n(.*?)```", index, re.DOTALL))
    listed = [line for line in trees.splitlines() if line and line[0] != ":"]
    there = [str(page.relative_to(DOCS).with_suffix("")) for page in PAGES]
    assert sorted([*listed, "index"]) == sorted(there)
    linked = set(re.findall(r"\]\(([\w/-]+)\.md", index))
    assert [page for page in listed if page.startswith("how-to/") and page not in linked] == []


@pytest.mark.parametrize("module", [exptools, exptools.viewing, exptools.launching])
def test_every_public_name_is_in_the_reference(module) -> None:
    page = (DOCS / "reference.md").read_text(encoding="utf-8")
    documented = re.findall(r"\.\. (?:auto|py:)\w+:: (?:\S+\.)?(\w+)$", page, re.MULTILINE)
    assert [name for name in module.__all__ if name not in documented] == []


def test_every_option_of_every_command_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    page = (DOCS / "command-line.md").read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"exptools {command} " in page
        with contextlib.suppress(SystemExit):
            parse([command, "--help"])
    options = set(re.findall(r"(--[a-z][a-z-]+)", capsys.readouterr().out)) - {"--help"}
    assert sorted(options - set(re.findall(r"--[a-z][a-z-]+", page))) == []


def test_every_example_is_shown_by_a_page() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    folder = ROOT / "examples"
    names = [path.name for path in (*folder.rglob("*.py"), *folder.rglob("*.ipynb"))]
    assert len(names) >= 8
    assert [name for name in names if name not in pages] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_verb_of_the_logger_that_a_page_uses_is_there(page: Path) -> None:
    if page.stem == "compat":
        return  # its verbs are those of another logger
    verbs = re.findall(r"\blogger\.(\w+)\(", page.read_text(encoding="utf-8"))
    assert [verb for verb in verbs if not hasattr(logger, verb)] == []


def test_every_room_in_the_picture_of_the_design_is_there() -> None:
    picture = (DOCS / "images" / "design.svg").read_text(encoding="utf-8")
    rooms = re.findall(r'class="room">([^<]+)<', picture)
    assert len(rooms) > 20
    wing = ROOT
    for room in rooms:  # each wing, then what is in it
        if room.startswith(("exptools/", "hydra_plugins/")):
            wing = ROOT
        assert [name for name in room.split() if not (wing / name).exists()] == []
        if room.startswith("exptools/"):
            wing = ROOT / room
