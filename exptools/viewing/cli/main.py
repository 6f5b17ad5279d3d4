"""exptools: list, compare and export runs, and make tables and figures of them.

It stands beside ``exptools-dash`` and not inside of it, whose arguments are directories: one that
is called ``list`` stays servable.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper

from exptools.viewing.cli.commands import FIGURE
from exptools.viewing.cli.parser import parse
from exptools.viewing.cli.roots import missing_package
from exptools.viewing.cli.settings_of_matplotlib import leave_out_those_of_here
from exptools.viewing.errors import NothingError, QueryError, UsageError
from exptools.visible import visible_lines

CLOSED_PIPE = 128 + 13  # as a shell reports a program that SIGPIPE has ended
INTERRUPTED = 128 + 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code.

    0: done. 1: nothing to do it with, or no way to. 2: a wrong argument.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    name = "".join(arguments[:1])
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a letter shows a stand-in
    try:
        command = parse(arguments)
        if command.output.kind == FIGURE:
            leave_out_those_of_here()
        # What it does needs the extra, which the help does not.
        actions = import_module(f"exptools.viewing.cli.{command.module}")
        getattr(actions, command.action)(command)
        sys.stdout.flush()
    except NothingError as error:
        return _failed(name, f": {error}", 1)
    except (UsageError, QueryError) as error:
        return _failed(name, f": {error}", 2)
    except ModuleNotFoundError as error:
        return _failed(name, f" {missing_package(error)}", 1)
    except BrokenPipeError:
        # Whoever read has enough. Python would try to write the rest when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _failed(name: str, reason: str, code: int) -> int:
    print(visible_lines(f"exptools {name}{reason}"), file=sys.stderr)
    return code
