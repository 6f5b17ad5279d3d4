"""Which library wrote a directory, and the run that it describes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from exptools.rundir import PROGRESS_CSV, SWEEP_FILE
from exptools.viewing.configs.parsing import NO_CONFIG, YamlParser
from exptools.viewing.readers import hydra, others, variant
from exptools.viewing.readers.description import Description, Reader, RunTexts
from exptools.viewing.readers.memory.texts import TextCache
from exptools.viewing.readers.ours import logger_alone
from exptools.viewing.readers.run_values import NOTHING_SAID, read_said, value_files
from exptools.viewing.readers.tabular import ray, yolo
from exptools.viewing.readers.trackers import mlflow, sacred, trainer, wandb
from exptools.viewing.readers.trackers.checkpoints import CHECKPOINTS
from exptools.viewing.readers.visible_status import with_visible_texts
from exptools.viewing.readers.walk import Listing
from exptools.viewing.run import EarlierAttempt, Fault, Run, Source
from exptools.viewing.signatures import UNSEEN, Signature, file_signature
from exptools.visible import visible

READERS = (
    hydra.READER,
    sacred.READER,
    mlflow.READER,
    wandb.READER,
    ray.READER,
    variant.READER,
    yolo.READER,
    others.LIGHTNING,
    others.SPINNING_UP,
    trainer.READER,
    logger_alone.READER,
    others.CSV,
    others.MONITOR,
    others.KERAS,
    others.TENSORBOARD,
)

_LOG = ".log"
_TABLES = (
    *(".csv", ".tsv", ".jsonl", ".log.json"),
    *("metrics.json", "scalars.json", "evaluations.npz"),
)


class DetectedRun(NamedTuple):
    """A directory that a reader takes for a run, and its files as they are now."""

    directory: str
    reader: Reader
    described: Mapping[str, Signature]  # the files that describe it; those that are there
    sources: tuple[Source, ...]  # where its metrics stand, the best first
    written: tuple[Signature | None, ...]  # of the files of these
    values: tuple[str, ...] = ()  # those of the described files that our logger writes in any run
    unread: tuple[str, ...] = ()  # names of tables and logs beside these that nobody reads
    writers: tuple[DetectedRun, ...] = ()  # runs below that belong to it and have a config, too
    earlier: tuple[EarlierAttempt, ...] = ()

    @property
    def belongs(self) -> Literal["never", "alone", "always"]:
        """Whether it belongs to a run above it, see ``Reader``."""
        only_metrics = len(self.described) == len(self.values)
        return "always" if only_metrics else self.reader.belongs

    @property
    def signatures(self) -> dict[str, Signature | None]:
        """Those of the files of its metrics, by path."""
        files = (file for source in self.sources for file in source.files)
        return dict(zip(files, self.written, strict=True))

    @property
    def parts(self) -> tuple[str, ...]:
        """Patterns of the directories in it in which nobody looks for runs."""
        trains = any(source.kind == "trainer" for source in self.sources)
        return (*self.reader.parts, CHECKPOINTS) if trains else self.reader.parts


Look = Callable[[str], Signature | None]


def detect_format(listing: Listing, look: Look = file_signature) -> DetectedRun | None:
    """Which reader takes a directory, or None: not a run in any format that we read.

    ``look`` tells the signatures of files by their paths.
    """
    for reader in READERS:
        names = reader.files(listing)
        if names is None:
            continue
        described = _signatures(listing.path, names, look)
        if described or not names:  # a directory .hydra without a config is no run
            sources = reader.sources(listing)
            written = tuple([look(file) for source in sources for file in source.files])
            values = _signatures(listing.path, value_files(listing), look)
            files = {**described, **values} if values else described
            unread = _unread(listing, sources, described)
            return DetectedRun(listing.path, reader, files, sources, written, tuple(values), unread)
    return None


def _unread(
    listing: Listing, sources: Sequence[Source], described: Mapping[str, Signature]
) -> tuple[str, ...]:
    """Names of tables that were not taken for metrics, and of logs where there are no metrics."""
    suffixes = _TABLES if sources else (*_TABLES, _LOG)
    names = [name for name in listing.files if name.endswith(suffixes) and name != PROGRESS_CSV]
    if not names:
        return ()
    taken = {os.path.basename(file) for source in sources for file in source.files}
    others = (name for name in names if name not in taken and name not in described)
    return tuple(sorted(map(visible, others)))


def but_logs(unread: Iterable[str]) -> tuple[str, ...]:
    """Of the names of what nobody reads those of tables."""
    return tuple(name for name in unread if not name.endswith(_LOG))


def _signatures(directory: str, names: Iterable[str], look: Look) -> dict[str, Signature]:
    """Of the files that are there."""
    signatures = {}
    for name in names:
        signature = look(f"{directory}/{name}")
        if signature is not None:
            signatures[name] = signature
    return signatures


def read_run(
    detected: DetectedRun, root: Path, sweeps: Sweeps, cache: TextCache, configs: YamlParser
) -> Run:
    """Read a run's config and status; a reader that fails leaves a run with a fault."""
    refused: list[Fault] = []
    texts = RunTexts(
        detected.directory, detected.described, cache, configs, refused, root=str(root)
    )
    try:
        description = _described(detected, texts)
        said = read_said(texts, detected.values) if detected.values else NOTHING_SAID
    except Exception as error:  # noqa: BLE001 (one run must not keep the others from being seen)
        description = Description(NO_CONFIG, None, (Fault.of(Path(detected.directory), error),))
        said = NOTHING_SAID
    status = description.status and with_visible_texts(description.status)
    run = object.__new__(Run)  # there may be ten thousand: __init__ takes the fields one by one
    vars(run).update(
        path=detected.directory,
        name=run_name(detected.directory, texts.root),
        sweep=sweeps.of(detected.directory),
        config=_added(description.config, said.config),
        status=status,
        state=status.observed if status else None,
        faults=tuple(dict.fromkeys((*description.faults, *said.faults, *refused))),
        format=detected.reader.name,
        sources=detected.sources,
        updated=updated(detected.written),
        earlier=detected.earlier,
        unread=detected.unread,
        summary=_added(said.summary, description.summary),
        derived=description.derived,
        incomplete=description.incomplete,
    )
    return run


def _described(detected: DetectedRun, texts: RunTexts) -> Description:
    """What a run says of itself, and of what that lacks what its writers say."""
    described = detected.reader.read(texts)
    for writer in detected.writers:
        # Lightning's hyperparameters are the run's config once more, by other keys.
        if described.config and writer.belongs == "always":
            continue
        said = _described(
            writer, texts._replace(directory=writer.directory, signatures=writer.described)
        )
        described = Description(
            _added(described.config, said.config),
            described.status or said.status,
            (*described.faults, *said.faults),
            _added(described.summary, said.summary),
        )
    return described


def _added(config: Mapping[str, Any], more: Mapping[str, Any]) -> Mapping[str, Any]:
    """A config with the keys that it lacks; itself where there are none."""
    if not more:
        return config
    lacking = {key: value for key, value in more.items() if key not in config}
    return MappingProxyType({**config, **lacking}) if lacking else config


def updated(written: Iterable[Signature | None]) -> float | None:
    """When one of some files was last written to, in Unix seconds."""
    return max([s.mtime_ns / 1e9 for s in written if s and s != UNSEEN], default=None)


def run_name(directory: str, root: str) -> str:
    """A run's name: its directory as seen from the root; the root's own is no other run's."""
    if directory != root:
        below = directory[len(root.rstrip(os.sep)) + 1 :]
        return visible(below.replace(os.sep, "/"))
    name = os.path.basename(root)
    is_taken = os.path.exists(os.path.join(root, name))
    return visible(f"{name}/" if is_taken else name)


class Sweeps:
    """The sweeps that runs below a root belong to; each directory is looked at once."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._of_parents: dict[str, str | None] = {}

    def of(self, directory: str) -> str | None:
        """The nearest directory above a run, up to the root, that Hydra started a sweep in."""
        nearest = directory[: max(1, directory.rfind(os.sep))]  # soon said: there are many runs
        if nearest in self._of_parents:
            return self._of_parents[nearest]
        above: list[str] = []  # of which nothing is known yet, the nearest first
        here, sweep = directory, None
        while (parent := os.path.dirname(here)) not in self._of_parents:
            above.append(parent)
            if os.path.isfile(os.path.join(parent, SWEEP_FILE)):
                sweep = self._name(parent)
                break
            if self._root in (here, parent) or parent == os.path.dirname(parent):
                break
            here = parent
        else:
            sweep = self._of_parents[parent]
        self._of_parents.update(dict.fromkeys(above, sweep))
        return sweep

    def _name(self, sweep: str) -> str:
        is_below = sweep.startswith(self._root.rstrip(os.sep) + os.sep)
        name = run_name(sweep, self._root) if is_below else os.path.basename(sweep)
        return visible(name)
