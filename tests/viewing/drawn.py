"""Plotly's figures, read back."""

import base64
from typing import Any

import numpy as np


def numbers(packed: dict[str, str]) -> list[Any]:
    """What a figure's base64 stands for."""
    values = np.frombuffer(base64.b64decode(packed["bdata"]), f"<{packed['dtype']}")
    shape = [int(size) for size in packed.get("shape", "-1").split(",")]
    return values.astype(float).reshape(shape).tolist()


def traces(figure: dict[str, Any], kind: str, **having: Any) -> list[dict[str, Any]]:
    """The traces of a type whose parts are these."""
    return [
        trace
        for trace in figure["data"]
        if trace["type"] == kind and all(trace.get(name) == part for name, part in having.items())
    ]
