"""Verbs for the files that a script of rlpyt adds to its run: other tables, and lines of text."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import SupportsIndex

from exptools.logging.compat.outputs import ScalarFile, TextFiles
from exptools.logging.errors import as_logging_error, obeys_on_error
from exptools.logging.run.paths import as_path
from exptools.logging.run_logger import Logger
from exptools.plain_files import refuse_others_below
from exptools.rundir import PROGRESS_CSV


class OutputVerbs:
    """The part of :class:`CompatLogger` that opens and closes files beside ``progress.csv``."""

    _engine: Logger
    open: Callable[..., None]
    close: Callable[..., None]
    _texts: TextFiles
    _tables: dict[str, ScalarFile | None]  # by their names; None is one that is not written
    _tabular_outputs: dict[str, None]  # those that get all that record_tabular records
    _tabular_only: bool

    @obeys_on_error
    def add_scalar_output(self, filename: str) -> None:
        """Begin another table in the run directory, for ``filename=`` of the verbs."""
        if filename != PROGRESS_CSV and self._tables.get(filename) is None:
            path = self._path_to_write(filename)
            self._tables[filename] = None  # should it fail, and the user go on without it
            self._tables[filename] = None if path is None else ScalarFile(path)

    @obeys_on_error
    def remove_scalar_output(self, filename: str) -> None:
        """End another table, with its pending row; ``progress.csv`` ends with its run."""
        if filename == PROGRESS_CSV:
            return
        table = self._table(filename)
        del self._tables[filename]
        if table is not None:
            table.close()

    @contextlib.contextmanager
    def additional_scalar_output(self, filename: str) -> Iterator[None]:
        """Another table in the run directory for as long as the block lasts."""
        self.add_scalar_output(filename)
        try:
            yield
        finally:
            self.remove_scalar_output(filename)

    def add_tabular_output(self, file_name: str) -> None:
        """A table for all that is recorded: rlpyt's ``progress.csv``, or another one like it.

        Where no run is open this opens the one in whose directory ``progress.csv`` is.
        """
        if self._engine.directory is None:
            path = as_path("the file", file_name).absolute()
            if path.name == PROGRESS_CSV:
                self.open(path.parent)
        if not self._is_progress_csv(file_name):
            self.add_scalar_output(file_name)
            self._tabular_outputs[file_name] = None

    def remove_tabular_output(self, file_name: str) -> None:
        """End a table; the end of a run's ``progress.csv`` is the run's."""
        if file_name in self._tabular_outputs:
            del self._tabular_outputs[file_name]
            self.remove_scalar_output(file_name)
        elif self._is_progress_csv(file_name):
            self.close()

    def _is_progress_csv(self, file_name: str) -> bool:
        """Whether it is the open run's own table, of which there is one."""
        directory = self._engine.directory
        return directory is not None and (
            directory / as_path("the file", file_name) == directory / PROGRESS_CSV
        )

    def set_tf_summary_writer(self, writer_name: object) -> None:
        """Nothing to do: the run has event files of its own."""

    set_tf_summary_writter = set_tf_summary_writer  # as the original spells it

    def set_log_tabular_only(self, log_tabular_only: bool) -> None:
        """Choose whether lines of text are left out."""
        self._tabular_only = bool(log_tabular_only)

    def get_log_tabular_only(self) -> bool:
        """Whether lines of text are left out."""
        return self._tabular_only

    @obeys_on_error
    def add_text_output(self, filename: str) -> None:
        """Append what is said to a file of the run directory, too; the first one is the default."""
        self._texts.add(filename, self._path_to_write(filename))

    def remove_text_output(self, filename: str) -> None:
        """Append no more to a file of texts."""
        self._texts.remove(filename)

    @contextlib.contextmanager
    def additional_text_output(self, filename: str) -> Iterator[None]:
        """Another file of texts for as long as the block lasts."""
        self.add_text_output(filename)
        try:
            yield
        finally:
            self.remove_text_output(filename)

    @obeys_on_error
    def _log_to_table(
        self, filename: str, tag: str, value: object, step: SupportsIndex | None
    ) -> None:
        if table := self._table(filename):
            table.log(tag, value, step)

    def _table(self, filename: str) -> ScalarFile | None:
        """Another table; None where it is not to be, or cannot be, written."""
        if filename not in self._tables:
            names = ", ".join(self._tables) or "none"
            raise ValueError(
                f"the table {filename!r} is not open: open it with "
                f"logger.additional_scalar_output({filename!r}); open are {names}"
            )
        return self._tables[filename]

    def _path_to_write(self, filename: str) -> Path | None:
        """A file of the run; None in a rank that leaves all to rank 0, or where no run can be.

        Raises:
            RuntimeError: no run is open.
            LoggingError: it could not be opened, and the user wants to know.
        """
        current = self._engine._current
        if current.is_silent or (current.has_failed and current.find() is None):
            return None
        directory = self._engine.directory
        if directory is None:
            raise RuntimeError(
                "no run is open: open one with logger_context(log_dir, run_ID, name) or "
                "logger.open(directory)"
            )
        path = directory / as_path("the file", filename)
        with as_logging_error(path):
            refuse_others_below(directory, path.parent)
        return path
