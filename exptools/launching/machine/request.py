"""What the user asks for each job, checked as far as that goes without a machine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from exptools.hints import suggestion

_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_NOTHING = ("null", "none", "")
_SWITCH = {"true": True, "yes": True, "on": True, "1": True}
_SWITCH |= {"false": False, "no": False, "off": False, "0": False}


class SlotError(ValueError):
    """The machine cannot give what was asked for, or that makes no sense; the message says why."""


@dataclass(frozen=True)
class Request:
    """What each job needs; None leaves the choice to us."""

    jobs: int | None = None  # at once
    cpus_per_job: int | None = None  # physical cores
    gpus_per_job: float | None = None  # 0, a part below 1 (0.5: two jobs share one) or 1, 2, …
    gpus: str | int | Sequence[str | int] | None = None  # which: indices, UUIDs or beginnings
    gpu_memory_per_job: str | int | None = None  # to wait for: "10GB", "8GiB" or bytes
    smt: bool = True  # whether a slot has all threads of its cores, or one of each
    reserve_cpus: int = 0  # physical cores that no job gets
    pin: bool = True  # whether jobs are bound to their cores
    share_gpus: bool = False  # whether jobs start on GPUs on which strangers compute
    gpu_ids: str = "uuid"  # how jobs read their GPUs' names: "uuid" or "index"

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            SlotError: one of them can be met on no machine.
        """
        for name, least in (("jobs", 1), ("cpus_per_job", 1), ("reserve_cpus", 0)):
            _check_count(name, getattr(self, name), least)
        _check_share(self.gpus_per_job)
        if self.gpu_ids not in ("uuid", "index"):
            raise SlotError(f"gpu_ids is {self.gpu_ids!r}; it should be uuid or index")
        for name in ("smt", "pin", "share_gpus"):
            if not isinstance(getattr(self, name), bool):
                raise SlotError(f"{name} is {getattr(self, name)!r}; it should be true or false")
        if self.gpu_memory is not None and self.gpus_per_job == 0:
            raise SlotError(
                "gpu_memory_per_job is set, but gpus_per_job is 0: leave one of them out"
            )
        _ = self.wanted_gpus  # raises where it makes no sense

    @property
    def gpu_memory(self) -> int | None:
        """The bytes that should be free on each GPU before a job starts there."""
        return None if self.gpu_memory_per_job is None else parse_bytes(self.gpu_memory_per_job)

    @property
    def wanted_gpus(self) -> tuple[str, ...] | None:
        """The names of the GPUs to use; None: all."""
        if self.gpus is None:
            return None
        listed = [self.gpus] if isinstance(self.gpus, int) else self.gpus
        parts = listed.strip("[]() ").split(",") if isinstance(listed, str) else listed
        names = tuple(str(part).strip(" '\"") for part in parts)
        if not all(names) or not names:
            raise SlotError(
                f"gpus is {self.gpus!r}; it should name GPUs, such as 0,1 or GPU-4f… "
                "(gpus_per_job=0 is the way to use none)"
            )
        return names

    @property
    def sharers(self) -> int:
        """How many jobs may share a GPU."""
        share = self.gpus_per_job
        return int(1 / share + 1e-9) if share is not None and 0 < share < 1 else 1

    @classmethod
    def from_words(cls, words: Sequence[str]) -> Request:
        """The request that words such as ``jobs=4`` or ``hydra.launcher.jobs=4`` make.

        Raises:
            SlotError: a word is unknown, or its value makes no sense.
        """
        options: dict[str, Any] = {}
        for word in words:
            key, equals, text = word.partition("=")
            name = key.removeprefix("hydra.launcher.")
            if not equals:
                raise SlotError(f"{word!r} should be <option>=<value>, such as jobs=4")
            names = [f.name for f in fields(cls)]
            if name not in names:
                raise SlotError(f"there is no option {name}; {suggestion(name, names)}")
            options[name] = _parse_value(name, text.strip())
        return cls(**options)

    def __str__(self) -> str:
        asked = [
            f"{f.name}={value:g}" if isinstance(value, float) else f"{f.name}={value}"
            for f in fields(self)
            if (value := getattr(self, f.name)) != f.default
        ]
        return ", ".join(asked) or "one job a GPU or core"


def parse_bytes(size: str | int) -> int:
    """A number of bytes from "10GB" (10⁹ each), "8GiB" (2³⁰ each), "512 MB" or a number.

    Raises:
        SlotError: it is no size, or not positive.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", str(size).lower())
    base = 1024 if match and match[3] else 1000
    number = int(float(match[1]) * base ** _UNITS[match[2]]) if match else 0
    if number <= 0:
        raise SlotError(
            f"gpu_memory_per_job is {size!r}; it should be a size such as 10GB, 8GiB, 512MiB or a "
            "number of bytes"
        )
    return number


def _check_count(name: str, value: object, least: int) -> None:
    if value is None and name != "reserve_cpus":
        return
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not isinstance(value, int) or not is_number or value < least:
        kind = "" if is_number else "a whole number, "
        raise SlotError(f"{name} is {value!r}; it should be {kind}{least} or more")


def _check_share(share: object) -> None:
    if share is None:
        return
    number = float(share) if isinstance(share, int | float) and share is not True else -1
    if number < 0 or (number > 1 and number % 1 != 0) or number == float("inf"):
        raise SlotError(
            f"gpus_per_job is {share}; it should be 0, a part of one GPU such as 0.5, or a whole "
            "number of GPUs"
        )


def _parse_value(name: str, text: str) -> Any:
    if name in ("gpus", "gpu_ids", "gpu_memory_per_job"):
        return None if text.lower() in _NOTHING and name != "gpu_ids" else text
    if name in ("smt", "pin", "share_gpus"):
        return _SWITCH.get(text.lower(), text)
    if text.lower() in _NOTHING:
        return None
    try:
        return float(text) if name == "gpus_per_job" else int(text)
    except ValueError:
        return text
