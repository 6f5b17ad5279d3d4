"""What the user gave as ``hydra.launcher.*``, validated once and put into our words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from hydra.errors import CompactHydraException
from omegaconf import OmegaConf, ValidationError

from exptools.hints import suggestion
from exptools.launching.affinity.codes import AffinityError, read_settings
from exptools.launching.affinity.layout import make_runs
from exptools.launching.jobs.scheduler import Policy
from exptools.launching.machine.request import Request
from exptools.visible import visible_lines

from .config import LauncherConf

if TYPE_CHECKING:
    from exptools.launching.cluster.run import ClusterOptions


class LaunchError(CompactHydraException):
    """The sweep cannot be started as it was asked for; Hydra shows the message alone."""

    def __init__(self, message: str) -> None:
        # It may name what others have written, and goes to the user's terminal.
        super().__init__(visible_lines(message))


@dataclass(frozen=True)
class LauncherOptions:
    """The options that make sense together; `config.LauncherConf` says what each means."""

    request: Request
    policy: Policy
    affinity: str | None
    warm: bool  # whether jobs are forked where that is safe
    resume: bool | str  # whether to go on with what is in the sweep directory, or in which one
    resume_changed: bool
    resume_unknown: str | None  # "done", "again", or None to refuse
    cluster: ClusterOptions | None = None  # None: on this machine


_Part = TypeVar("_Part", Request, Policy)
_DEFAULTS = asdict(LauncherConf())
# What an affinity code says.
_IN_CODES = ("jobs", "cpus_per_job", "gpus_per_job", "gpus", "smt", "reserve_cpus", "pin")


def validate_options(given: Mapping[str, Any]) -> LauncherOptions:
    """The options that were given, the others as they are by default.

    Raises:
        LaunchError: one is unknown (the message names the nearest), or makes no sense.
    """
    values = read_values(given, LauncherConf, "the exptools launcher")
    return options_of(values)


def read_values(given: Mapping[str, Any], conf: type[LauncherConf], what: str) -> dict[str, Any]:
    """The value of each option of a launcher, given or by default.

    Raises:
        LaunchError: one that is given is unknown; the message names the nearest.
    """
    defaults = asdict(conf())
    del defaults["_target_"]
    for name in given:
        if name not in defaults:
            raise LaunchError(
                f"hydra.launcher.{name} is no option of {what}; {suggestion(name, defaults)}"
            )
    return {**defaults, **{name: _typed(name, value, conf) for name, value in given.items()}}


def options_of(values: Mapping[str, Any]) -> LauncherOptions:
    """The options that all our launchers have.

    Raises:
        LaunchError: one makes no sense.
    """
    request, policy = _build(Request, values), _build(Policy, values)
    start, resume, changed = (values[name] for name in ("start", "resume", "resume_changed"))
    unknown = values["resume_unknown"]
    for name, is_right, allowed in (
        ("start", start in ("warm", "fresh"), "warm or fresh"),
        ("resume", isinstance(resume, bool | str), "true, false or a sweep's directory"),
        ("resume_changed", isinstance(changed, bool), "true or false"),
        ("resume_unknown", unknown in (None, "done", "again"), "done or again"),
    ):
        if not is_right:
            raise LaunchError(f"hydra.launcher.{name} is {values[name]!r}; it should be {allowed}")
    return LauncherOptions(
        request,
        policy,
        affinity=_affinity_code(values),
        warm=start == "warm",
        resume=resume,
        resume_changed=changed,
        resume_unknown=unknown,
    )


def _typed(name: str, value: Any, conf: type[LauncherConf]) -> Any:
    """A value in its option's type, as the text "4" from the environment is the number.

    What has no such value is left as it is, for the option's own check to refuse.
    """
    if not isinstance(value, str | int | float):
        return value
    options = OmegaConf.structured(conf)
    try:
        OmegaConf.update(options, name, value)
    except ValidationError:
        return value
    return options[name]


def _build(part: type[_Part], values: Mapping[str, Any]) -> _Part:
    try:
        return part(**{field.name: values[field.name] for field in fields(part)})
    except ValueError as error:
        raise LaunchError(f"hydra.launcher.{error}") from error


def _affinity_code(values: Mapping[str, Any]) -> str | None:
    """The code; what is none is refused, and so are options that say what the code says, too."""
    if values["affinity"] is None:
        return None
    code = str(values["affinity"])
    both = [name for name in _IN_CODES if values[name] != _DEFAULTS[name]]
    if both:
        names = ", ".join(f"hydra.launcher.{name}" for name in both)
        raise LaunchError(
            f"hydra.launcher.affinity={code} says how the machine is divided, and "
            f"so does {names}: leave one of them out"
        )
    try:
        make_runs(read_settings(code))
    except AffinityError as error:
        raise LaunchError(f"hydra.launcher.affinity: {error}") from error
    return code
