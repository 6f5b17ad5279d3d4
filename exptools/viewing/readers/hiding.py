"""Runs without their secrets: what of a run is shown, exported and drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from exptools.rundir import Status
from exptools.viewing.configs.secrets import Secret, Secrets
from exptools.viewing.memo import Memo
from exptools.viewing.run import Fault, Run


class HiddenSecrets:
    """Hides what ``secrets`` says in runs; ``None`` shows all."""

    def __init__(self, secrets: Secrets | None) -> None:
        self._secrets = secrets
        self._shown: dict[Path, tuple[Run, Run]] = {}  # by directory: as read, and as shown
        self._names: dict[str, str] = {}  # as shown → as it is
        # By their words: the runs of a sweep have one.
        self._commands = Memo[tuple[str, ...], bool](self._says)

    def runs(self, runs: Iterable[Run]) -> list[Run]:
        """The runs as they are shown; one that has not changed is the same object again."""
        if self._secrets is None:
            return list(runs)
        secrets, shown, before = self._secrets, [], self._shown
        self._shown = {}
        for run in runs:
            known = before.get(run.directory)
            if known is None or known[0] is not run:
                hidden = self._hidden(run, secrets) if self._may_have(run, secrets) else run
                known = (run, hidden)
            if known[0] is not known[1]:
                self._shown[run.directory] = known
            shown.append(known[1])
        return shown

    def faults(self, faults: Iterable[Fault]) -> tuple[Fault, ...]:
        """Faults whose files' names say no secrets."""
        if self._secrets is None or not faults:
            return tuple(faults)
        return tuple(_fault(fault, self._secrets) for fault in faults)

    def text(self, run: Run, text: str) -> str:
        """A line of what describes a run without the run's secrets."""
        return text if self._secrets is None else self._secrets.text(text, self._own(run))

    def path(self, run: Run) -> str:
        """Where a run stands, without the run's secrets."""
        place = str(run.directory)
        return place if self._secrets is None else self._secrets.name(place, self._own(run))

    def words(self, run: Run, words: Sequence[str]) -> tuple[str, ...]:
        """A command, or overrides, of a run without its secrets."""
        return tuple(words) if self._secrets is None else self._secrets.words(words, self._own(run))

    def _own(self, run: Run) -> tuple[Secret, ...]:
        known = self._shown.get(run.directory)
        return self._secrets.of(known[0].config) if known and self._secrets else ()

    def _hidden(self, run: Run, secrets: Secrets) -> Run:
        own = secrets.of(run.config)
        return replace(
            run,
            name=self._name(run.name, secrets.name(run.name, own)),
            sweep=run.sweep and secrets.name(run.sweep, own),
            config=secrets.config(run.config),
            summary=secrets.config(run.summary),
            status=run.status and _status(run.status, secrets, own),
            faults=tuple(_fault(fault, secrets) for fault in run.faults),
        )

    def _may_have(self, run: Run, secrets: Secrets) -> bool:
        return (
            secrets.are_in(run.config)
            or secrets.may_be_in(run.name)
            or _looks_hidden(run.name)
            or bool(run.summary and secrets.are_in(run.summary))
            or bool(run.faults)
            or bool(run.status and self._commands[run.status.command])
        )

    def _says(self, command: tuple[str, ...]) -> bool:
        return self._secrets is not None and self._secrets.words(command) != command

    def _name(self, name: str, shown: str) -> str:
        """What a run is called; no two are called the same."""
        if name == shown and not _looks_hidden(name):
            return name
        called, number = shown, 2
        while self._names.setdefault(called, name) != name:
            called, number = f"{shown} ({number})", number + 1
        return called


def _looks_hidden(name: str) -> bool:
    """Whether a directory is called as one is shown that has a secret in its name."""
    return "hidden " in name


def _status(status: Status, secrets: Secrets, own: tuple[Secret, ...]) -> Status:
    return replace(
        status,
        overrides=tuple(secrets.override(one, own) for one in status.overrides),
        command=secrets.words(status.command, own),
        error=status.error and secrets.text(status.error, own),
    )


def _fault(fault: Fault, secrets: Secrets) -> Fault:
    if not secrets.may_be_in(str(fault)):
        return fault
    return Fault(Path(secrets.name(str(fault.file))), fault.line, secrets.text(fault.reason))
