"""Runs of Hydra's (``.hydra/config.yaml``), exptools' (``.exptools/status.json``), or both."""

from __future__ import annotations

import re
from contextlib import suppress

from exptools.rundir import (
    EXPTOOLS_DIR,
    HYDRA_CONFIG,
    HYDRA_DIR,
    HYDRA_SETTINGS,
    MAX_STATUS,
    STATUS_FILE,
    Status,
    StatusError,
    parse_status,
    read_regular,
)
from exptools.viewing.configs.choices import MAX_SETTINGS, choices_text, with_choices
from exptools.viewing.readers import variant
from exptools.viewing.readers.description import (
    Description,
    Reader,
    RunTexts,
    fault_of,
    usual_sources,
)
from exptools.viewing.readers.ours import foreseen
from exptools.viewing.readers.tabular.csv_logs import named_logs
from exptools.viewing.readers.walk import Listing
from exptools.viewing.run import Fault, Source

_IN_PROJECT = re.compile(rb"""^  run:\r?\n    dir: ['"]?\./?['"]?\r?$""", re.MULTILINE)


def _files(listing: Listing) -> tuple[str, ...] | None:
    with_config, with_status = HYDRA_DIR in listing.hidden, EXPTOOLS_DIR in listing.hidden
    if with_config and with_status:
        return HYDRA_CONFIG, HYDRA_SETTINGS, STATUS_FILE
    if with_config:
        return HYDRA_CONFIG, HYDRA_SETTINGS
    return (STATUS_FILE, *variant.config_files(listing)) if with_status else None


def _sources(listing: Listing) -> tuple[Source, ...]:
    usual = usual_sources(listing)
    logs = named_logs(listing, usual)
    if not logs:
        return usual
    tables = [source for source in usual if source.kind != "events"]
    return *tables, *logs, *(source for source in usual if source.kind == "events")


def _read(run: RunTexts) -> Description:
    # Without Hydra's it may have a config of the seed's interface.
    of_hydra = HYDRA_CONFIG in run.signatures
    described = _read_config(run) if of_hydra else variant.read_config(run)
    status, faults = _read_status(run)
    if status is None and not faults:
        return described
    if status and not of_hydra and not described.config:
        try:
            described = foreseen.described(run, status)
        except ValueError as error:  # of what was overridden nobody can make a config
            faults = (*faults, fault_of(run.path(STATUS_FILE), error))
    return described._replace(status=status, faults=described.faults + faults)


def _read_config(run: RunTexts) -> Description:
    """Hydra's config, with the choices of its groups by the names that one types for them."""
    described = run.yaml(HYDRA_CONFIG)
    # Copied file by file, a run may have its settings later than its config.
    if HYDRA_SETTINGS not in run.signatures or not described.config:
        return described
    choices = ""
    with suppress(OSError):  # a config without them is one, too
        choices = run.text(HYDRA_SETTINGS, MAX_SETTINGS, choices_text)
    if not choices:
        return described
    return described._replace(config=with_choices(described.config, choices, run.configs))


def _read_status(run: RunTexts) -> tuple[Status | None, tuple[Fault, ...]]:
    if STATUS_FILE not in run.signatures:
        return None, ()
    path = run.path(STATUS_FILE)
    try:
        return parse_status(run.text(STATUS_FILE, MAX_STATUS), path), ()
    except FileNotFoundError:
        return None, ()
    except StatusError as error:
        # The fault names the file, so its reason need not.
        return None, (Fault(path, None, str(error).removeprefix(str(path)).lstrip(": ")),)
    except (OSError, ValueError) as error:
        return None, (fault_of(path, error),)


def is_project(run: str) -> bool:
    """Whether a run's directory is the project's own, where each training leaves its files.

    So it is with ``hydra.run.dir=.``: the config is that of the last training, and what others
    have left below is theirs.
    """
    try:
        settings = read_regular(f"{run}/{HYDRA_SETTINGS}", MAX_SETTINGS)
    except OSError:
        return False
    return _IN_PROJECT.search(settings) is not None and b"\n  mode: MULTIRUN" not in settings


READER = Reader(
    *("hydra", _files, _read, _sources),
    marks=f"{HYDRA_CONFIG} (Hydra); {STATUS_FILE} (exptools)",
)
