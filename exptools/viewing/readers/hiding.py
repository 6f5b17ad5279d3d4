"""Runs without their secrets: what of a run is shown, exported and drawn."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from exptools.rundir import Status
from exptools.viewing.configs.secrets import MOST, Secret, Secrets
from exptools.viewing.memo import Memo
from exptools.viewing.run import Fault, Run, Source

MOST_NAMES = 100_000  # of runs with something hidden in them that are remembered


class HiddenSecrets:
    """Hides what ``secrets`` says in runs; ``None`` shows all."""

    def __init__(self, secrets: Secrets | None) -> None:
        self._secrets = secrets
        # Those that have secrets, by their names as they are: as read, and as shown.
        self._changed: dict[str, tuple[Run, Run]] = {}
        self._read: dict[str, Run] = {}  # by their names as they are shown: as read
        self._names: dict[str, str] = {}  # as shown → as it is
        # Whether they say secrets, by their words: the runs of a sweep have much in common.
        self._commands = Memo[tuple[str, ...], bool](self._says)
        self._overrides = Memo[str, bool](self._override_says)
        self._errors = Memo[str, bool](self._error_says)

    def runs(self, runs: Iterable[Run]) -> list[Run]:
        """The runs as they are shown; one that has not changed is the same object again."""
        if self._secrets is None:
            return list(runs)
        may_have, before = self._may_have, self._changed
        self._changed = {}
        shown = [self._shown(run, before) if may_have(run) else run for run in runs]
        self._read = {one.name: run for run, one in self._changed.values()}
        if len(self._names) > MOST_NAMES:  # those that runs had once
            now = {run.name for run, _ in self._changed.values()}
            self._names = {called: name for called, name in self._names.items() if name in now}
        return shown

    def faults(self, faults: Iterable[Fault], run: Run | None = None) -> tuple[Fault, ...]:
        """Faults, of a run if of one, whose files' names say no secrets."""
        if self._secrets is None or not faults:
            return tuple(faults)
        own = self._own(run) if run else ()
        return tuple(_fault(fault, self._secrets, own) for fault in faults)

    def text(self, run: Run, text: str) -> str:
        """A line of what describes a run without the run's secrets."""
        return text if self._secrets is None else self._secrets.text(text, self._own(run))

    def config(self, run: Run, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """Settings of a run, by dotted keys, without its secrets."""
        return config if self._secrets is None else self._secrets.config(config, self._own(run))

    def place(self, path: Path) -> Path:
        """A directory that may have secrets of runs in its name, without them."""
        return path if self._secrets is None else Path(self._secrets.name(str(path)))

    def path(self, run: Run) -> str:
        """Where a run stands, without the run's secrets."""
        place = str(run.directory)
        return place if self._secrets is None else self._secrets.name(place, self._own(run))

    def words(self, run: Run, words: Sequence[str]) -> tuple[str, ...]:
        """A command, or overrides, of a run without its secrets."""
        return tuple(words) if self._secrets is None else self._secrets.words(words, self._own(run))

    def _own(self, run: Run) -> tuple[Secret, ...]:
        known = self._read.get(run.name)
        return _own(known, self._secrets) if known and self._secrets else ()

    def _shown(self, run: Run, before: Mapping[str, tuple[Run, Run]]) -> Run:
        known = before.get(run.name)
        if known is None or known[0] is not run:
            known = run, self._hidden(run)
        self._changed[run.name] = known
        return known[1]

    def _hidden(self, run: Run) -> Run:
        secrets = self._secrets or Secrets()
        own = _own(run, secrets)
        return replace(
            run,
            name=self._name(run.name, secrets.name(run.name, own)),
            sweep=run.sweep and secrets.name(run.sweep, own),
            config=secrets.config(run.config, own),
            summary=secrets.config(run.summary, own),
            sources=tuple(_source(source, secrets, own) for source in run.sources),
            unread=tuple(secrets.name(name, own) for name in run.unread),
            earlier=tuple(
                replace(one, directory=_below(run, one.directory, secrets, own))
                for one in run.earlier
            ),
            status=run.status and _status(run.status, secrets, own),
            faults=tuple(_fault(fault, secrets, own) for fault in run.faults),
        )

    def _may_have(self, run: Run) -> bool:
        """Whether a run may have secrets: soon said, for there are many."""
        secrets, name = self._secrets, run.name
        return secrets is not None and bool(
            secrets.are_in(run.config)
            or ("=" in name and secrets.may_be_in(name))
            or "hidden " in name
            or (run.sweep is not None and "=" in run.sweep and secrets.may_be_in(run.sweep))
            or bool(run.faults)
            # Of one place alone the metrics are not called by it.
            or ((len(run.sources) > 1 or run.unread or run.earlier) and _are_named(secrets, run))
            or (bool(run.summary) and secrets.are_in(run.summary))
            or (run.status is not None and self._are_said(secrets, run.status))
        )

    def _are_said(self, secrets: Secrets, status: Status) -> bool:
        return (
            self._commands[status.command]
            or (
                secrets.mentions("\n".join(status.overrides))
                and any(map(self._overrides.__getitem__, status.overrides))
            )
            or (status.error is not None and self._errors[status.error])
        )

    def _says(self, command: tuple[str, ...]) -> bool:
        return self._secrets is not None and self._secrets.words(command) != command

    def _override_says(self, override: str) -> bool:
        return self._secrets is not None and self._secrets.override(override) != override

    def _error_says(self, error: str) -> bool:
        return self._secrets is not None and self._secrets.text(error) != error

    def _name(self, name: str, shown: str) -> str:
        """What a run is called; no two are called the same."""
        if name == shown and "hidden " not in name:  # a directory may be called as one is shown
            return name
        called, number = shown, 2
        while self._names.setdefault(called, name) != name:
            called, number = f"{shown} ({number})", number + 1
        return called


def _own(run: Run, secrets: Secrets) -> tuple[Secret, ...]:
    own = secrets.of(run.config, run.summary)
    if run.status is None:
        return own
    words = (*run.status.overrides, *run.status.command)
    said = secrets.said(words, run.status.error or "")
    every = {**said, **{secret.text: secret for secret in own}}
    return tuple(sorted(every.values(), key=lambda secret: -len(secret.text))[:MOST])


def _status(status: Status, secrets: Secrets, own: tuple[Secret, ...]) -> Status:
    return replace(
        status,
        overrides=tuple(secrets.override(one, own) for one in status.overrides),
        command=secrets.words(status.command, own),
        error=status.error and secrets.error(status.error, own),
    )


def _are_named(secrets: Secrets, run: Run) -> bool:
    """Whether places below a run, or tables, may say a secret by their names."""
    names = [*(source.prefix for source in run.sources), *run.unread]
    return secrets.may_be_in("\n".join([*names, *(str(one.directory) for one in run.earlier)]))


def _source(source: Source, secrets: Secrets, own: tuple[Secret, ...]) -> Source:
    return source._replace(prefix=secrets.name(source.prefix, own))


def _below(run: Run, place: Path, secrets: Secrets, own: tuple[Secret, ...]) -> Path:
    """A place in a run, or beside it, for people's eyes."""
    return run.directory / secrets.name(os.path.relpath(place, run.path), own)


def _fault(fault: Fault, secrets: Secrets, own: tuple[Secret, ...]) -> Fault:
    file, reason = secrets.name(str(fault.file), own), secrets.error(fault.reason, own)
    return Fault(Path(file), fault.line, reason)
