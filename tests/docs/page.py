"""A page of the documentation as its reader follows it: files written, commands typed, in order."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from exptools.viewing.cli.dash import _parser as dash_parser
from exptools.viewing.cli.main import main as exptools_command

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
# What changes the reader's own machine, or reaches another one.
NOT_TYPED_HERE = ("pip install ", "python -m venv ", ". .venv/", "ssh ", "cd ", "git clone ")
MODULES = {"torchrun": "torch.distributed.run"}


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, and its text."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The file that its first line names."""
        named = re.match(r"# (\S+\.(?:py|yaml))\n", self.text)
        return named and named[1]


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in their order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for language, body in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield Block(language, body)


def follow(page: str, directory: Path, quicker: Mapping[str, str] = {}) -> list[str]:
    """Write the page's files into a directory and type its commands there; returns the commands.

    The current directory has to be that one, in which ``exptools`` runs without a new process.

    Args:
        page: its path below ``docs``.
        directory: an empty one.
        quicker: what to write in place of what takes long, such as a number of epochs.
    """
    typed = []
    for block in blocks(page):
        text = block.text
        for slow, quick in quicker.items():
            text = text.replace(slow, quick)
        if block.file:
            path = directory / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif block.language == "sh":
            for command in text.splitlines():
                if not command.startswith(NOT_TYPED_HERE):
                    enter(command, directory)
                    typed.append(command)
    return typed


def enter(command: str, directory: Path) -> None:
    """Do what a command does; fail where it does."""
    program, *arguments = shlex.split(command, comments=True)
    if program == "exptools":
        assert exptools_command(arguments) == 0, command
    elif program == "exptools-dash":  # it would listen without end
        dash_parser().parse_args(arguments)
    else:
        module = ["-m", MODULES[program]] if program in MODULES else []
        assert module or program == "python", f"nobody here knows {command}"
        typed = [sys.executable, *module, *arguments]
        done = subprocess.run(typed, cwd=directory, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
