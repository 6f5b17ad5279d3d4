"""What a verb is called here: for names that are not ours, and for values that another one takes.

It knows the verbs of W&B, MLflow, TensorBoard's writers, Stable-Baselines3 and the like by name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from exptools.hints import did_you_mean

_SCALAR, _SCALARS = "log_scalar(tag, value, step)", "log_scalars({tag: value, …}, step)"
_CONFIG = "config({name: value, …})"
_TEXT, _IMAGE = "log_text(tag, text, step)", "log_image(tag, image, step)"
_FIGURE, _HISTOGRAM = "log_figure(tag, figure, step)", "log_histogram(tag, values, step)"
_FILE, _TABLE = "log_file(tag, path, step)", "log_table(tag, table, step)"
_VIDEO, _AUDIO = "log_video(tag, frames, step)", "log_audio(tag, samples, step)"

_OF_PEERS = {
    **dict.fromkeys(("add_scalar", "log_metric", "record", "track", "logkv", "scalar"), _SCALAR),
    **dict.fromkeys(("add_scalars", "log_metrics", "log_dict", "logkvs"), _SCALARS),
    **dict.fromkeys(("record_mean", "logkv_mean"), "log_scalar_mean(tag, value, step)"),
    **dict.fromkeys(("dumpkvs", "flush", "commit"), "dump()"),
    **dict.fromkeys(("finish", "end_run", "end", "stop"), "close()"),
    **dict.fromkeys(("init", "start_run", "configure"), "open(directory)"),
    **dict.fromkeys(("log_param", "log_params", "log_hyperparams", "set_config"), _CONFIG),
    **dict.fromkeys(("summarize", "set_summary", "log_summary"), "summary(name, value)"),
    "add_hparams": "log_hparams({name: value, …})",
    "add_text": _TEXT,
    **dict.fromkeys(("add_image", "add_images", "log_images"), _IMAGE),
    "add_figure": _FIGURE,
    "add_histogram": _HISTOGRAM,
    "add_video": _VIDEO,
    "add_audio": _AUDIO,
    "add_embedding": "log_embedding(tag, points, step)",
    **dict.fromkeys(("log_artifact", "log_artifacts", "upload_file", "save"), _FILE),
    **dict.fromkeys(("log_model", "save_checkpoint"), "save_snapshot(state, itr)"),
    **dict.fromkeys(("print", "print_log", "alert"), "info(line)"),
}
_NOTHING_TO_DO = {
    "define_metric": "any column can be the x axis in the viewer",
    "watch": "gradients are logged with log_histogram(tag, values, step)",
}

# By the name of a class that a value is of, or that its class comes from.
_OF_KINDS = {
    "str": _TEXT,
    "bytes": _FILE,
    "Image": _IMAGE,
    "Figure": _FIGURE,
    "BaseFigure": _FIGURE,
    "Histogram": _HISTOGRAM,
    "DataFrame": _TABLE,
    "Table": _TABLE,
    "Video": _VIDEO,
    "Audio": _AUDIO,
    "Artifact": _FILE,
}


def no_such_verb(name: str, verbs: Iterable[str]) -> AttributeError:
    """The error of a verb that there is not: what it is called here, or the nearest there is."""
    said = f"the logger has no verb {name!r}"
    if name in _OF_PEERS:
        return AttributeError(f"{said}; here it is {_OF_PEERS[name]}")
    if name in _NOTHING_TO_DO:
        return AttributeError(f"{said}, and needs none: {_NOTHING_TO_DO[name]}")
    public = sorted({verb for verb in verbs if not verb.startswith("_")})
    return AttributeError(f"{said}{did_you_mean(name, public)}")


def verb_for(value: Any) -> str:
    """The verb that takes a value which is no scalar, "" where there is none."""
    names = {kind.__name__ for kind in type(value).__mro__}
    for kind, verb in _OF_KINDS.items():
        if kind in names:
            return verb
    if isinstance(value, Mapping):
        return _SCALARS
    if isinstance(value, os.PathLike):
        return _FILE
    dimensions = len(getattr(value, "shape", None) or ())
    if dimensions > 1:
        return f"{_HISTOGRAM} or {_IMAGE}"
    if dimensions or isinstance(value, (list, tuple)):
        return f"log_scalar_batch(tag, array, step) or {_HISTOGRAM}"
    return ""
