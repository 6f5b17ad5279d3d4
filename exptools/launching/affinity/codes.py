"""Affinity codes: a machine and how it is divided between runs, in a word such as "8cpu_2gpu".

The format is rlpyt's (``rlpyt/utils/launching/affinity.py``): numbers, each with the abbreviation
of what it counts. What `encode` writes, rlpyt and the original exptools read, and the reverse;
`read_settings` adds the defaults of what a code leaves out, and what follows from its numbers.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import Any

from exptools.hints import suggestion

RUN_SLOT = "slt"
# The arguments of encode_affinity by their abbreviations, in the order in which they are written.
ARGUMENTS = {
    "cpu": "n_cpu_core",
    "gpu": "n_gpu",
    "cxg": "contexts_per_gpu",
    "gpr": "gpu_per_run",
    "cpr": "cpu_per_run",
    "cpw": "cpu_per_worker",
    "hto": "hyperthread_offset",
    "skt": "n_socket",
    "res": "cpu_reserved",
    "ass": "async_sample",
    "sgr": "sample_gpu_per_run",
    "oss": "optim_sample_share_gpu",
    "alt": "alternating",
    "saf": "set_affinity",
}
_LEAST = dict.fromkeys(("gpu", "hto", "res", "ass", "sgr", "oss", "alt", "saf"), 0)  # others: 1
_EXAMPLE = "such as 8cpu_2gpu or 4cpu_0gpu_1cpr"


class AffinityError(ValueError):
    """A code, or what it should say, makes no sense; the message says why."""


def encode(values: dict[str, int]) -> str:
    """The code of values by their abbreviations; defaults are left out where rlpyt does."""
    numbers = {name: _validate(name, value) for name, value in values.items()}
    cpu, gpu = numbers["cpu"], numbers["gpu"]
    defaults = {"cxg": 1, "gpr": 1, "cpw": 1, "hto": cpu, "skt": 1, "res": 0, "saf": 1}
    defaults |= dict.fromkeys(("ass", "sgr", "oss", "alt"), 0)
    if gpu:
        defaults["cpr"] = numbers["cpr"]  # it is said for runs without GPUs only
    parts = [f"{numbers[name]}{name}" for name in ARGUMENTS if numbers[name] != defaults.get(name)]
    return "_".join(parts)


def decode_affinity(affinity_code: str) -> dict[str, int]:
    """The numbers of a code by their abbreviations, without those that it leaves out.

    Raises:
        AffinityError: it is no code, or it has a run slot.
    """
    values: dict[str, int] = {}
    for part in str(affinity_code).strip().split("_"):
        match = re.fullmatch(r"(\d+)([a-z]+)", part)
        if match is None:
            raise AffinityError(
                f"{affinity_code!r} is no affinity code: {part!r} is no number with an "
                f"abbreviation; codes are {_EXAMPLE}"
            )
        name = match[2]
        if name == RUN_SLOT:
            raise AffinityError(
                f"{affinity_code!r} has a run slot where none belongs: remove_run_slot splits it"
            )
        if name not in ARGUMENTS:
            raise AffinityError(
                f"{affinity_code!r} is no affinity code: there is no {name!r}; "
                f"{suggestion(name, ARGUMENTS)}"
            )
        if name in values:
            raise AffinityError(f"{affinity_code!r} is no affinity code: it has {name!r} twice")
        values[name] = _validate(name, int(match[1]))
    return values


def prepend_run_slot(run_slot: int, affinity_code: str) -> str:
    """The code of one run: which of the code's slots it has.

    Raises:
        AffinityError: the slot is no number from 0 up.
    """
    return f"{_whole_number('run_slot', run_slot, 0)}{RUN_SLOT}_{affinity_code}"


def remove_run_slot(run_slot_affinity_code: str) -> tuple[int, str]:
    """The slot of a run's code, and the rest.

    Raises:
        AffinityError: the code does not begin with a slot.
    """
    match = re.fullmatch(rf"(\d+){RUN_SLOT}_(.*)", str(run_slot_affinity_code).strip())
    if match is None:
        raise AffinityError(
            f"{run_slot_affinity_code!r} does not begin with a run slot, as 0slt_4cpu_0gpu_1cpr "
            "does: prepend_run_slot puts one there"
        )
    return int(match[1]), match[2]


@dataclass(frozen=True)
class Settings:
    """The numbers of a code; see `encode_affinity` for their meanings."""

    code: str
    cpu: int
    gpu: int = 0
    cxg: int = 1
    gpr: int = 1
    cpr: int = 0  # 0: not said
    cpw: int = 1
    hto: int = 0  # 0: one hardware thread a core
    skt: int = 1
    res: int = 0
    ass: int = 0
    sgr: int = 0
    oss: int = 0
    alt: int = 0
    saf: int = 1

    @property
    def runs(self) -> int:
        """How many runs there are at once."""
        if self.ass:
            return self.gpu // self.gpus_each
        return self.gpu * self.cxg // self.gpr if self.gpu else self.cpu // self.cpr

    @property
    def gpus_each(self) -> int:
        """How many GPUs a run has, for sampling and optimizing together."""
        return self.gpr + self.sampler_gpus * (not self.oss)

    @property
    def sampler_gpus(self) -> int:
        """On how many GPUs an asynchronous run samples; an optimizer's may be one of them."""
        return self.gpr if self.oss else self.sgr

    @property
    def needs(self) -> str:
        """What a run takes, in words."""
        if self.gpu:
            return f"each run takes {self.gpus_each} GPUs"
        return f"each run takes {self.cpr} of {self.cpu} cores"

    @property
    def cores_each(self) -> int:
        """How many cores a run has; asynchronous runs may leave some over."""
        return self.cpu // self.runs

    @property
    def sampler_cores(self) -> int:
        """The cores that an asynchronous run has for sampling, in whole workers."""
        cores = self.cores_each - self.res * self.gpr
        return cores - cores % self.cpw

    @property
    def spread(self) -> int:
        """Over how many sockets an asynchronous run goes; 0: it shares one with others."""
        return self.skt // self.runs if self.gpus_each > self.gpu // self.skt else 0

    @property
    def numbered_cores(self) -> int:
        """How many cores the machine has: with an offset, as many as that."""
        return max(self.cpu, self.hto)

    @property
    def block(self) -> int:
        """How many cores a socket has; core ``n`` is on socket ``n // block``."""
        return self.numbered_cores // self.skt


def read_settings(affinity_code: str) -> Settings:
    """The numbers of a code and, where it leaves them out, their defaults.

    Raises:
        AffinityError: it is no code, or its parts do not belong together.
    """
    values = decode_affinity(affinity_code)
    if "cpu" not in values:
        raise AffinityError(f"{affinity_code!r} does not say how many CPU cores there are: 4cpu")
    if values.get("ass"):
        values.setdefault("res", 1)
    values.setdefault("hto", values["cpu"])
    settings = Settings(affinity_code, **values)
    problem = _conflict(settings)
    if problem is None and not settings.runs:
        problem = f"not one run fits: {settings.needs}"
    if problem is not None:
        raise AffinityError(f"{affinity_code}: {problem}")
    return settings


def _validate(name: str, value: object) -> int:
    return _whole_number(ARGUMENTS[name], value, _LEAST.get(name, 1))


def _whole_number(name: str, value: Any, least: int) -> int:
    try:
        number = int(value) if isinstance(value, str) else operator.index(value)
    except (TypeError, ValueError):
        number = least - 1
    if number < least:
        raise AffinityError(f"{name} is {value!r}; it should be a whole number, {least} or more")
    return number


def _conflict(s: Settings) -> str | None:
    """Why the parts of a code cannot stand together."""
    given = {name for name in ("cxg", "gpr") if getattr(s, name) > 1}
    given |= {name for name in ("ass", "sgr", "oss", "cpr") if getattr(s, name)}
    if not s.gpu:
        if given - {"cpr"}:
            return f"{_argument_names(given - {'cpr'})} needs GPUs, but n_gpu is 0"
        return None if s.cpr else "runs without GPUs need cpu_per_run: 1cpr"
    if s.cpr:
        return "cpu_per_run is for runs without GPUs: with them the cores are divided evenly"
    if not s.ass and given & {"sgr", "oss"}:
        return f"{_argument_names(given & {'sgr', 'oss'})} is for async_sample: 1ass"
    if "cxg" in given and given & {"gpr", "ass"}:
        return f"several contexts on a GPU cannot go with {_argument_names(given & {'gpr', 'ass'})}"
    return None


def _argument_names(names: set[str]) -> str:
    return " and ".join(ARGUMENTS[name] for name in ARGUMENTS if name in names)
