"""Figures of matplotlib and plotly. Imported when the first one is logged; imports neither."""

from __future__ import annotations

import io
from typing import Any

from exptools.logging.media.store import EncodedMedium


def encode_figure(tag: str, figure: Any) -> EncodedMedium:
    """A figure: of matplotlib as PNG, of plotly as plotly's JSON, which keeps it interactive.

    TensorBoard shows matplotlib's. Of plotly's it shows nothing: to draw them without a browser
    is not possible, and starting one takes seconds. The figure is left as it is, also open.

    Args:
        tag: its name.
        figure: a matplotlib figure, or axes of one, or a plotly figure.

    Raises:
        TypeError: it is none of these.
    """
    if callable(getattr(figure, "to_plotly_json", None)):
        return EncodedMedium("figure", "json", figure.to_json().encode())
    figure = getattr(figure, "figure", figure)
    if not callable(getattr(figure, "savefig", None)) or isinstance(figure, type):
        kind = type(figure).__name__
        raise TypeError(f"the figure {tag!r} should be one of matplotlib or plotly, not {kind}")
    return _png(tag, figure)


def _png(tag: str, figure: Any) -> EncodedMedium:
    from PIL import Image

    from exptools.logging.media.images import image_summary

    file = io.BytesIO()
    figure.savefig(file, format="png")
    width, height = Image.open(file).size
    summary = image_summary(tag, (height, width, 4), file.getvalue())
    return EncodedMedium("figure", "png", file.getvalue(), (summary,))
