"""What the user gave as ``hydra.launcher.*`` of ``exptools_slurm``, validated once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from omegaconf import OmegaConf

from exptools.launching.cluster.elements import AllocationOptions, minutes
from exptools.launching.cluster.run import ClusterOptions

from .._options import LauncherOptions, LaunchError, options_of, read_values
from ._conf import SlurmConf

# What only a machine's own user can choose: in an allocation Slurm does.
_LOCAL = ("affinity", "gpus", "reserve_cpus", "share_gpus", "gpu_memory_per_job")
_COUNTS = ("jobs_per_allocation", "nodes", "max_parallel")
_TEXTS = ("mem", "partition", "account", "qos", "constraint", "exclude")


def validate_slurm_options(given: Mapping[str, Any]) -> LauncherOptions:
    """The options that were given, the others as they are by default.

    Raises:
        LaunchError: one is unknown (the message names the nearest), or makes no sense.
    """
    plain = {name: _plain(value) for name, value in given.items()}
    values = read_values(plain, SlurmConf, "the exptools_slurm launcher")
    defaults = read_values({}, SlurmConf, "")
    for name in _LOCAL:
        if values[name] != defaults[name]:
            raise LaunchError(
                f"hydra.launcher.{name} divides a machine of your own; on a cluster Slurm chooses: "
                "leave it out"
            )
    if values["jobs_per_allocation"] is not None and values["nodes"] is not None:
        raise LaunchError(
            f"hydra.launcher.nodes={values['nodes']} says how many allocations there are, and "
            f"hydra.launcher.jobs_per_allocation={values['jobs_per_allocation']} does so, too: "
            "leave one of them out"
        )
    checked = {name: _check(name, value) for name, value in values.items()}
    options = options_of(values)
    _refuse_too_little_time(checked["time"], checked["signal_ahead"], options.policy.grace)
    allocation = AllocationOptions(
        **{
            field.name: checked[field.name]
            for field in fields(AllocationOptions)
            if field.name in checked
        }
    )
    cluster = ClusterOptions(
        allocation,
        checked["jobs_per_allocation"],
        checked["nodes"],
        cancel_on_interrupt=checked["on_interrupt"] == "cancel",
        submit=checked["submit"],
    )
    return replace(options, cluster=cluster)


def _refuse_too_little_time(minutes: int, ahead: int, grace: float) -> None:
    """Refuse a signal that comes at once, or too late for jobs to end by themselves."""
    if ahead >= minutes * 60:
        raise LaunchError(
            f"hydra.launcher.signal_ahead={ahead} s leaves nothing of hydra.launcher.time="
            f"{minutes} min: jobs would be asked to end when they begin"
        )
    if grace > ahead:
        raise LaunchError(
            f"hydra.launcher.grace={grace:g} s does not fit into hydra.launcher.signal_ahead="
            f"{ahead} s: Slurm would kill jobs that still have time to end"
        )


def _check(name: str, value: Any) -> Any:
    """The value of an option in our type.

    Raises:
        LaunchError: it makes no sense.
    """
    check, allowed = _CHECKS.get(name, (lambda value: value, ""))
    try:
        return check(value)
    except (ValueError, TypeError) as error:
        raise LaunchError(f"hydra.launcher.{name} is {value!r}; it should be {allowed}") from error


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def _count(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(value)
    return value


def _text(value: Any) -> str | None:
    if isinstance(value, bool | dict | list) or value == "":
        raise ValueError(value)
    return None if value is None else str(value)


def _seconds(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(value)
    return value


def _commands(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not (isinstance(value, list) and all(isinstance(line, str) for line in value)):
        raise ValueError(value)
    return tuple(value)


def _on_interrupt(value: Any) -> str:
    if value not in ("leave", "cancel"):
        raise ValueError(value)
    return str(value)


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(value)
    return value


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise ValueError(value)
    return {name.removeprefix("--"): option for name, option in value.items()}


_CHECKS: dict[str, tuple[Callable[[Any], Any], str]] = {
    **dict.fromkeys(_COUNTS, (_count, "a whole number, 1 or more")),
    **dict.fromkeys(_TEXTS, (_text, "a text")),
    "time": (minutes, "minutes, or a time such as 90:00, 36:00:00 or 1-12:00:00"),
    "signal_ahead": (_seconds, "so many whole seconds, 0 or more"),
    "setup": (_commands, "a list of shell commands"),
    "sbatch": (_mapping, "options of sbatch with their values, such as {reservation: course}"),
    "on_interrupt": (_on_interrupt, "leave or cancel"),
    "submit": (_switch, "true or false"),
}
