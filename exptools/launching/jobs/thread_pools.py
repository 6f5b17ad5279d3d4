"""Size the thread pools of libraries that are loaded already.

They read their environment variables when they are loaded: in a process forked from one that has
them, only a call changes what they do.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

_VARIABLE = {
    "openblas": "OPENBLAS_NUM_THREADS",
    "mkl": "MKL_NUM_THREADS",
}  # by threadpoolctl's name


class ThreadPools:
    """The pools of the libraries that are loaded at this moment; finding them is slow."""

    def __init__(self) -> None:
        from threadpoolctl import ThreadpoolController

        self._libraries = ThreadpoolController().lib_controllers

    def limit(self, environment: Mapping[str, str]) -> None:
        """Make the pools as large as these environment variables say."""
        for library in self._libraries:
            names = (_VARIABLE.get(library.internal_api, "OMP_NUM_THREADS"), "OMP_NUM_THREADS")
            threads = next(filter(None, (_count(environment, name) for name in names)), None)
            if threads is not None:
                library.set_num_threads(threads)
        torch = sys.modules.get("torch")
        threads = _count(environment, "OMP_NUM_THREADS")
        if torch is not None and threads is not None:
            torch.set_num_threads(threads)


def _count(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    return int(text) if text.isdigit() and int(text) > 0 else None
