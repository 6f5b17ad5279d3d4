"""Read a run's metrics with the reader of its format; what goes wrong is a fault of that run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from exptools.viewing.metrics.csv_reader import parse_csv
from exptools.viewing.metrics.event_reader import read_events, repeats_our_csv
from exptools.viewing.metrics.logged_rows import LoggedRows, TooManyCells, read_content
from exptools.viewing.metrics.tabular.monitors import read_monitors
from exptools.viewing.metrics.tabular.ray import read_results
from exptools.viewing.metrics.tabular.table import read_table
from exptools.viewing.metrics.trackers import mlflow, sacred, trainer, wandb
from exptools.viewing.run import Fault, Source

SEPARATORS = {"csv": ",", "tsv": "\t"}
_READERS: Mapping[str, Callable[[Sequence[Path]], LoggedRows]] = {
    "events": lambda files: read_events([file for file in files if not repeats_our_csv(file)]),
    "mlflow": mlflow.read_metrics,
    "monitor": read_monitors,
    "ray": lambda files: read_results(files[0]),
    "sacred": sacred.read_metrics,
    "sacred_info": sacred.read_info,
    "table": lambda files: read_table(files[0]),
    "trainer": trainer.read_log_history,
    "wandb": wandb.read_history,
}


def read_logged_rows(source: Source) -> LoggedRows:
    """All that a run has logged; no file and an empty file are no rows and no fault.

    What is no regular file, or larger than ``MAX_BYTES``, is one fault and no rows.
    A file of someone else's that has no column ``step`` gets one, see ``step_column``.
    """
    files = [Path(file) for file in source.files]
    path = files[0]
    try:
        if source.kind in _READERS:
            return _READERS[source.kind](files)
        faults: list[Fault] = []
        rows = parse_csv(read_content(path, faults), path, SEPARATORS[source.kind])
        return replace(rows, faults=(*rows.faults, *faults))
    except FileNotFoundError:
        return LoggedRows()
    except (OSError, TooManyCells) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return LoggedRows(faults=(Fault(path, None, f"cannot be read: {reason}"),))
    except Exception as error:  # noqa: BLE001 (one file must not keep the other runs' from being drawn)
        return LoggedRows(faults=(Fault.of(path, error),))
