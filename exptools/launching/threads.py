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


def limit_threads(environment: Mapping[str, str]) -> None:
    """Make loaded thread pools as large as these environment variables say."""
    from threadpoolctl import ThreadpoolController

    for library in ThreadpoolController().lib_controllers:
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
