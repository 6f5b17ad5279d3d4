"""What lies in directories and is not read: so that nobody wonders where it has gone."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from exptools.viewing.configs.secrets import Secrets
from exptools.viewing.readers.formats import READERS
from exptools.viewing.readers.tabular.csv_logs import first_rows
from exptools.viewing.readers.walk import PARTS_OF_A_RUN
from exptools.viewing.run import Run
from exptools.visible import visible

MOST_DIRECTORIES = 2_000  # that are looked into
MOST_ENTRIES, MOST_IN_ONE = 20_000, 2_000  # of all of these together, and of each
MOST_NAMED = 6  # kinds of files
MOST_RUNS = 20  # without metrics, below which is looked

# Whose a file or a directory is by its name, the surest first.
_KINDS = (
    ("mlruns", "MLflow's"),
    ("mlflow.db", "MLflow's database, of which only the file store is read"),
    ("wandb", "W&B's"),
    ("*.wandb", "W&B's"),
    (".aim", "Aim's"),
    (".neptune", "Neptune's"),
    (".guild", "Guild's"),
    ("evaluations.npz", "Stable-Baselines3's evaluations"),
    ("scalars.json", "MMEngine's"),
    ("*.log.json", "MMCV's"),
    ("metrics.json", "Detectron2's, or another program's"),
    ("training_log_*.txt", "nnU-Net's"),
    ("*.monitor.csv", "Stable-Baselines3's, without its first line"),
    ("results.txt", "YOLOv7's"),
    ("*.pkl", "pickled, which is not read: it could run code"),
    ("*.pickle", "pickled, which is not read: it could run code"),
    ("*.db", "a database"),
    ("*.sqlite*", "a database"),
    ("*.np[yz]", "NumPy's arrays"),
    ("*.csv", "a table"),
    ("*.tsv", "a table"),
    ("*.parquet", "a table"),
    ("*.jsonl", "JSON lines"),
    ("*.log", "a log"),
)


def no_runs(roots: Sequence[Path], secrets: Secrets | None) -> str:
    """What to say where there is no run: what lies there instead, and what is read.

    ``secrets`` are hidden in names; None: none is.
    """
    found = found_there(roots, secrets)
    there = f"found {found}. A" if found else "a"
    named = ", ".join(_named(str(root), secrets) for root in roots)
    return f"no runs in {named}: {there} run is {read_formats()}"


def read_formats() -> str:
    """By what a directory is known as a run."""
    marks = [reader.marks for reader in READERS if reader.marks]
    return f"a directory with one of these: {'; '.join(marks)}"


def found_there(roots: Sequence[Path], secrets: Secrets | None) -> str:
    """What of other programs lies below some directories; "" where nothing known does."""
    first: dict[str, str] = {}
    number: Counter[str] = Counter()
    for path, what in _unread(roots):
        number[what] += 1
        first.setdefault(what, path)
    named = [
        f"{_named(path, secrets)}{f' and {number[what] - 1} more' * (number[what] > 1)} ({what})"
        for what, path in islice(first.items(), MOST_NAMED)
    ]
    return visible(", ".join(named))


def beside_configs(runs: Iterable[Run]) -> str:
    """Which tables and logs in the runs' own directories were not taken for metrics; or ""."""
    number = Counter(name for run in runs for name in run.unread)
    named = [f"{name}{f' of {of} runs' * (of > 1)}" for name, of in number.most_common(MOST_NAMED)]
    more = len(number) - len(named)
    named += [f"{more} other names"] if more else []
    return f"not read as metrics: {', '.join(named)}" if named else ""


def instead_of_metrics(runs: Sequence[Run], secrets: Secrets | None) -> str:
    """What lies in runs that have logged nothing, or below them; or ""."""
    if unread := beside_configs(runs):
        return unread
    below = found_there([run.directory for run in runs[:MOST_RUNS]], secrets)
    return f"not read as metrics: {below}" if below else ""


def earlier_attempts(runs: Iterable[Run]) -> str:
    """Which attempts count nowhere, as later ones replace them; or ""."""
    tried = [(run, one) for run in runs for one in run.earlier]
    if not tried:
        return ""
    named = [
        f"{run.name}: {visible(os.path.relpath(one.directory, run.directory))}"
        for run, one in tried[:MOST_NAMED]
    ]
    named += [f"{len(tried) - MOST_NAMED} more"] if len(tried) > MOST_NAMED else []
    return f"earlier attempts, which do not count: {', '.join(named)}"


def _named(path: str, secrets: Secrets | None) -> str:
    return secrets.name(path) if secrets else path


def _unread(roots: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Paths as seen from where we are, and whose they are."""
    for root in roots:
        if what := _whose(root.name, str(root)):
            yield f"{root}/", what
    for name, path, is_directory in islice(_entries(roots), MOST_ENTRIES):
        what = _whose(name, path)
        if what is not None:
            yield f"{path}/" if is_directory else path, what


def _entries(roots: Sequence[Path]) -> Iterator[tuple[str, str, bool]]:
    """Name, path and whether it is a directory of what lies below, what is nearest first."""
    directories = deque(map(str, roots))
    for _ in range(MOST_DIRECTORIES):
        if not directories:
            return
        with suppress(OSError), os.scandir(directories.popleft()) as entries:
            for entry in sorted(islice(entries, MOST_IN_ONE), key=lambda entry: entry.name):
                is_directory = entry.is_dir(follow_symlinks=False)
                if is_directory and entry.name[0] != "." and entry.name not in PARTS_OF_A_RUN:
                    directories.append(entry.path)
                yield entry.name, entry.path, is_directory


def _whose(name: str, path: str) -> str | None:
    kind = next((what for pattern, what in _KINDS if fnmatchcase(name, pattern)), None)
    if name == "results.csv" and "train/box_loss" in next(iter(first_rows(path)), ()):
        return "YOLO's, without its args.yaml"
    return kind
