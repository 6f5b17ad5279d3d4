"""exptools: list, compare and export runs, and make tables and figures of them.

It stands beside ``exptools-dash`` and not inside of it, whose arguments are directories: one that
is called ``list`` stays servable.
"""

from __future__ import annotations

import importlib
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from io import TextIOWrapper

from exptools.viewing.cli.parser import parse
from exptools.viewing.cli.roots import missing_package
from exptools.viewing.errors import NothingError, QueryError, UsageError

CLOSED_PIPE = 128 + 13  # as a shell reports a program that SIGPIPE has ended
INTERRUPTED = 128 + 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code.

    0: done. 1: nothing to do it with, or no way to. 2: a wrong argument.
    """
    options = parse(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a letter shows a stand-in
    try:
        _run(options)
        sys.stdout.flush()
    except (UsageError, QueryError) as error:
        return _failed(options, f": {error}", 2)
    except NothingError as error:
        return _failed(options, f": {error}", 1)
    except ModuleNotFoundError as error:
        return _failed(options, f" {missing_package(error)}", 1)
    except BrokenPipeError:
        # Whoever read has enough. Python would try to write the rest when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _run(options: Namespace) -> None:
    module, _, function = options.action.partition(":")
    getattr(importlib.import_module(f"exptools.viewing.cli.{module}"), function)(options)


def _failed(options: Namespace, reason: str, code: int) -> int:
    print(f"exptools {options.command}{reason}", file=sys.stderr)
    return code
