"""The command that would run one run again, by itself, with its own overrides."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import yaml

from exptools.viewing.configs import safe_yaml
from exptools.viewing.run_files.directory import read_limited

MAX_FILE = 2**20  # bytes

_PYTHON = re.compile(r"(?:python|pypy)[\d.]*(?:\.exe)?", re.IGNORECASE)
_TAKES_A_WORD = ("-W", "-X")  # of Python's own options
_WHERE_CONFIGS_ARE = re.compile(r"(--config-path|--config-name|--config-dir|-cp|-cn|-cd)(=?)(.*)")
# What made a sweep of it, or sent it where it is: another run is no part of that.
_OF_THE_SWEEP = re.compile(
    r"hydra(?:[/.](?:launcher|sweeper)(?:[.=]|$)|\.(?:sweep|run)[.=]|\.mode=)"
)


@dataclass(frozen=True)
class Rerun:
    """A command, and what should be known of it."""

    words: tuple[str, ...]
    directory: str | None  # where it should be run; None where nobody wrote that down
    note: str  # "" where it is exact

    @property
    def text(self) -> str:
        """As a POSIX shell takes it."""
        command = shlex.join(self.words)
        return f"cd {shlex.quote(self.directory)} && {command}" if self.directory else command


def rerun(
    command: Sequence[str],
    overrides: Sequence[str],
    hydra: Mapping[str, Any] | None,
    *,
    directory: str | None = None,
    in_sweep: bool = False,
) -> Rerun | None:
    """The command for one run; None where too little is known.

    Args:
        command: what started the run or its sweep, interpreter first; empty where not known.
        overrides: the run's own, of its task.
        hydra: what Hydra has saved of its settings; None for a run without Hydra.
        directory: where a run without Hydra was started; None where not known.
        in_sweep: whether the run was one of a sweep.
    """
    if hydra is None:
        note = "This started all the runs of its sweep." if in_sweep else ""
        return Rerun(tuple(command), directory, note) if command else None
    job, runtime = _mapping(hydra, "job"), _mapping(hydra, "runtime")
    directory = runtime.get("cwd") if isinstance(runtime.get("cwd"), str) else None
    if not command:
        name = job.get("name")
        if not isinstance(name, str):
            return None
        note = "The script's name is what Hydra calls the job; nothing else was written down."
        return Rerun(("python", f"{name}.py", *overrides), directory, note)
    program, given = split_program(command)
    multirun = any(word in ("-m", "--multirun") for word in given)
    single = ("hydra.mode=RUN",) if in_sweep and not multirun else ()
    return Rerun((*program, *_kept(given), *single, *overrides), directory, "")


def read_overrides(file: BinaryIO) -> tuple[str, ...]:
    """The overrides of a run's task, as Hydra has saved them."""
    overrides = _load(file)
    if not isinstance(overrides, list) or not all(isinstance(item, str) for item in overrides):
        raise ValueError("the overrides should be a list of texts")
    return tuple(overrides)


def read_hydra(file: BinaryIO) -> Mapping[str, Any]:
    """Hydra's settings of a run, as it has saved them."""
    return _mapping(_load(file), "hydra")


def split_program(command: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A command's words up to the program, and its arguments."""
    at = 1
    if command and _PYTHON.fullmatch(re.split(r"[/\\]", command[0])[-1]):
        while at < len(command) and command[at].startswith("-"):
            if command[at] in ("-m", "-c"):
                break
            at += 2 if command[at] in _TAKES_A_WORD else 1
        at += 2 if at < len(command) and command[at] in ("-m", "-c") else 1
    return tuple(command[:at]), tuple(command[at:])


def _kept(given: Sequence[str]) -> list[str]:
    """Of the arguments those that say where configs are, and Hydra's settings of any run."""
    kept, words = [], iter(given)
    for word in words:
        if option := _WHERE_CONFIGS_ARE.fullmatch(word):
            kept.append(word)
            if not (option[2] or option[3]):
                kept += [following for following in [next(words, None)] if following is not None]
        elif re.match(r"[+~]*hydra[./]", word) and not _OF_THE_SWEEP.match(word.lstrip("+~")):
            kept.append(word)
    return kept


def _load(file: BinaryIO) -> Any:
    text = read_limited(file, MAX_FILE).decode()
    try:
        return safe_yaml.load(text)[0]
    except (yaml.YAMLError, *safe_yaml.BAD_VALUE) as error:
        raise ValueError(f"no valid YAML: {safe_yaml.problem(error)}") from error


def _mapping(settings: Any, name: str) -> Mapping[str, Any]:
    part = settings.get(name) if isinstance(settings, Mapping) else None
    return part if isinstance(part, Mapping) else {}
