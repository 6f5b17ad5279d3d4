"""The numbers of an affinity code, with what follows from them."""

from __future__ import annotations

from dataclasses import dataclass

from exptools.launching.affinity.codes import ARGUMENTS, AffinityError, decode_affinity


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
        """The GPUs of a run."""
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
        """The cores of a run."""
        return self.cpu // self.runs

    @property
    def sampler_cores(self) -> int:
        """The cores that an asynchronous run has for sampling."""
        return self.cores_each - self.res * self.gpr

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
        """The cores of a socket."""
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


def _conflict(s: Settings) -> str | None:
    """Why the parts of a code cannot stand together."""
    given = {name for name in ("cxg", "gpr") if getattr(s, name) > 1}
    given |= {name for name in ("ass", "sgr", "oss", "cpr") if getattr(s, name)}
    if not s.gpu:
        if given - {"cpr"}:
            return f"{_spoken(given - {'cpr'})} needs GPUs, but n_gpu is 0"
        return None if s.cpr else "runs without GPUs need cpu_per_run: 1cpr"
    if s.cpr:
        return "cpu_per_run is for runs without GPUs: with them the cores are divided evenly"
    if not s.ass and given & {"sgr", "oss"}:
        return f"{_spoken(given & {'sgr', 'oss'})} is for async_sample: 1ass"
    if "cxg" in given and given & {"gpr", "ass"}:
        return f"several contexts on a GPU cannot go with {_spoken(given & {'gpr', 'ass'})}"
    return None


def _spoken(names: set[str]) -> str:
    return " and ".join(ARGUMENTS[name] for name in ARGUMENTS if name in names)
