"""A run in a notebook: what the index knows of it, and its rows, curves, log and media."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from exptools.hints import suggestion
from exptools.plain_files import open_plain
from exptools.rundir import MEDIA_INDEX, STEP
from exptools.viewing.api.fault_warnings import warn_of_faults
from exptools.viewing.api.run_config import RunConfig, RunSummary
from exptools.viewing.curves.statistics.options import one_name
from exptools.viewing.errors import QueryError
from exptools.viewing.index import Index
from exptools.viewing.lazy_polars import pl
from exptools.viewing.memo import Memo
from exptools.viewing.run import Fault, Run
from exptools.viewing.run import duration as duration_of

if TYPE_CHECKING:  # what makes answers is loaded when somebody asks
    from collections.abc import Sequence

    from exptools.viewing.api.curve_sets import CurveSet

_MEDIA = {
    **{"kind": str, "tag": str, "step": int},
    **{"path": str, "wall_time": float, "size": int},
}


_NO_DATA = ("origin", "directory")  # the second is made of its path


class Log(str):
    """The text of a log; a notebook shows it line by line."""

    __slots__ = ()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: FBT001 (IPython's)
        printer.text(str(self))


@dataclass(frozen=True, eq=False, repr=False)
class LoadedRun(Run):
    """One run: its config, state and summary, and what is read of it when it is asked for.

    Files are read anew at each call, as far as they have changed.
    """

    origin: Index = field(kw_only=True)  # where it was found, and its metrics are read

    @classmethod
    def of(cls, run: Run, origin: Index) -> LoadedRun:
        """A run that knows its index."""
        if isinstance(run, cls):
            return run
        loaded = object.__new__(cls)  # there may be ten thousand: __init__ takes them one by one
        vars(loaded).update(vars(run), origin=origin)
        return loaded

    @property  # type: ignore[misc]  # an attribute to whoever reads it
    def config(self) -> Mapping[str, Any]:
        """The values of the config by their dotted keys, read-only."""
        return RunConfig(vars(self)["config"])

    @config.setter
    def config(self, config: Mapping[str, Any]) -> None:
        vars(self)["config"] = config  # as __init__ does

    @property  # type: ignore[misc]
    def summary(self) -> Mapping[str, Any]:
        """What the run itself says of how it went, by name, read-only."""
        return RunSummary(vars(self)["summary"])

    @summary.setter
    def summary(self, summary: Mapping[str, Any]) -> None:
        vars(self)["summary"] = summary

    @property  # type: ignore[misc]
    def faults(self) -> tuple[Fault, ...]:
        """What could not be read: of its config and status, and of its metrics so far read."""
        return self.origin.faults(self)

    @faults.setter
    def faults(self, faults: tuple[Fault, ...]) -> None:
        vars(self)["faults"] = faults

    def _data(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in _NO_DATA}

    def bare(self) -> Run:
        """The same run as data, without its index."""
        return Run(**self._data())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LoadedRun) and self._data() == other._data()

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        state = self.state.value if self.state else "no state"
        return f"<LoadedRun {self.name!r}: {state}, {len(self.config)} keys>"

    def _repr_html_(self) -> str:
        from exptools.viewing.api.notebook import facts

        return facts(self, self.origin.hiding.path(self))

    def __getstate__(self) -> dict[str, Any]:
        return self._data()

    def __setstate__(self, state: dict[str, Any]) -> None:
        # By itself it needs of the index nothing but a reader of its own files.
        vars(self).update(state, origin=Index([Path(state["path"])], cache=False))

    @property
    def duration(self) -> float | None:
        """How long it ran, or has been running; None where nobody knows."""
        return duration_of(self.status, time.time())

    @property
    def metrics(self) -> tuple[str, ...]:
        """What the run has logged, in natural order."""
        from exptools.viewing.curves.series import metric_names

        return tuple(metric_names(self.origin, [self], None))

    def rows(
        self, metrics: str | Sequence[str] | None = None, *, long: bool = False
    ) -> pl.DataFrame:
        """Every logged row, exactly as it was logged: step, wall_time and a column a metric.

        Args:
            metrics: which, by default all.
            long: a row a value instead, with the columns metric and value.
        """
        from exptools.viewing.tables.export import logged

        rows = logged(self.origin, [self], metrics, long=long)[:, 1:]
        warn_of_faults(self.origin, [self])
        return rows

    def curve(
        self,
        metric: str,
        x: str = STEP,
        *,
        smooth: str | float | None = None,
        bin_width: float | None = None,
    ) -> CurveSet:
        """The curve of a metric; the arguments are those of ``Runs.curves``."""
        from exptools.viewing.api.curve_sets import CurveSet
        from exptools.viewing.curves.query import CurveQuery, curve_set
        from exptools.viewing.curves.statistics.aggregation import parse_method

        method = parse_method(band="none", smooth=smooth, bin_width=bin_width)
        query = CurveQuery(one_name("metric", metric), None, one_name("x", x), method)
        curve = CurveSet(**vars(curve_set(self.origin, [self], query)))
        warn_of_faults(self.origin, [self])
        return curve

    @property
    def logs(self) -> tuple[str, ...]:
        """The names of the logs in its directory: what it printed, then the others."""
        from exptools.viewing.run_files.directory import log_names

        return tuple(log_names(self.directory))

    def log(self, name: str | None = None, *, lines: int | None = None) -> str:
        """The end of a log as plain text, 200 KB at most; an empty text where the run left none.

        Args:
            name: which of ``logs``, by default the first.
            lines: so many of the last lines.
        """
        from exptools.viewing.run_files.logs import tail

        names = self.logs
        name = None if name is None else one_name("the log's name", name)
        if lines is not None and (type(lines) is bool or not hasattr(lines, "__index__")):
            raise QueryError(f"lines is a whole number, not {lines!r}")
        if name is not None and name not in names:
            raise QueryError(f"{self.name} has no log {name!r}; {suggestion(name, names)}")
        if not names:
            return Log()
        with _opened(self.directory, name or names[0]) as file:
            end = tail(file)
        kept = (end.text + end.rest).splitlines(keepends=True)
        return Log("".join(kept if lines is None else kept[max(0, len(kept) - lines) :]))

    def media(self) -> pl.DataFrame:
        """What was logged besides numbers, a row each: kind, tag, step, path, wall_time, size.

        A path that leads out of the run's directory is null.
        """
        from exptools.viewing.frames import type_of
        from exptools.viewing.run_files.media import MediaIndex

        index = MediaIndex()
        if os.path.lexists(self.directory / MEDIA_INDEX):
            with _opened(self.directory, MEDIA_INDEX) as file:
                index.follow(file)
        real = Memo[str, str](os.path.realpath)
        items = [item for kind, tag in index.tags for item in index.steps(kind, tag)]
        rows = [
            (i.kind, i.tag, i.step, self._inside(i.path, real), i.wall_time, i.size) for i in items
        ]
        schema = {name: type_of(kind) for name, kind in _MEDIA.items()}
        return pl.DataFrame(rows, schema, orient="row")

    def _inside(self, relative: str, real: Memo[str, str]) -> str | None:
        """Where a file of the run is; None where that is not in its directory.

        ``real`` has where directories really are: thousands of files lie in few.
        """
        path = os.path.join(self.directory, relative)
        above, name = os.path.split(path)
        try:
            place = os.path.join(real[above], name)
            if name in ("", os.curdir, os.pardir) or os.path.islink(place):
                place = os.path.realpath(place)
            own = os.path.join(real[str(self.directory)], "")
        except ValueError:  # a NUL in it
            return None
        inside = f"{place}{os.sep}".startswith(own) and "\0" not in name
        return str(Path(path)) if inside else None


@contextmanager
def _opened(directory: Path, relative: str) -> Iterator[BinaryIO]:
    """A regular file of a run, open for reading: through no link, and waiting for nobody."""
    path = directory / relative
    if path.parent != directory and path.parent.is_symlink():
        raise OSError(f"{path.parent} is a link, and links in a run's directory are not followed")
    with open(path, "rb", opener=open_plain) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is no regular file")
        yield file
