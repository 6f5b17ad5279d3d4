"""Hyperparameters for TensorBoard's HParams page. Imported when they are first logged."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.api_pb2 import (
    DATA_TYPE_BOOL,
    DATA_TYPE_FLOAT64,
    DATA_TYPE_STRING,
    STATUS_FAILURE,
    STATUS_SUCCESS,
    Experiment,
    HParamInfo,
    MetricInfo,
    MetricName,
)
from tensorboard.plugins.hparams.metadata import (
    EXPERIMENT_TAG,
    NULL_TENSOR,
    SESSION_END_INFO_TAG,
    SESSION_START_INFO_TAG,
    create_summary_metadata,
)
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)

from exptools.logging.media.store import EncodedMedium

Value: TypeAlias = bool | int | float | str

EXACT = 2**53  # TensorBoard keeps numbers as 64-bit floats, which hold all integers up to this one


def encode_hparams(config: Mapping[str, Any], metrics: Sequence[str] = ()) -> EncodedMedium:
    """A run's hyperparameters: a row of TensorBoard's HParams table; the file is a JSON object.

    The messages belong into the event file of the run's scalars, whose last values then stand in
    the same row. Nested keys are joined with dots. Numbers, booleans and texts stay what they are;
    the rest is text: None, lists, NaN and infinities, integers that a 64-bit float cannot hold.

    Args:
        config: the hyperparameters by name.
        metrics: tags of the scalars that the table shows; with none it shows all. TensorBoard
            takes them, and the names of the columns, from one of its runs: give the same in all.

    Raises:
        TypeError: it is no mapping, or a key no text.
        ValueError: two keys are the same when they are joined with dots.
    """
    _check_metrics(metrics)
    values = flatten(config)
    started = SessionStartInfo(start_time_secs=time.time())
    for name, value in values.items():
        setattr(started.hparams[name], _FIELDS[type(value)][0], value)
    summaries = [_summary(SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=started))]
    if metrics:
        infos = [HParamInfo(name=name, type=_FIELDS[type(v)][1]) for name, v in values.items()]
        metric_infos = [MetricInfo(name=MetricName(tag=metric)) for metric in metrics]
        experiment = Experiment(hparam_infos=infos, metric_infos=metric_infos)
        summaries.insert(0, _summary(EXPERIMENT_TAG, HParamsPluginData(experiment=experiment)))
    content = json.dumps(values, ensure_ascii=False, indent=2).encode(errors="replace")
    return EncodedMedium("hparams", "json", content, tuple(summaries))


def _check_metrics(metrics: Any) -> None:
    is_sequence = isinstance(metrics, Iterable) and not isinstance(metrics, str | bytes)
    if not is_sequence or not all(isinstance(metric, str) for metric in metrics):
        raise TypeError(f'metrics are tags, as in ["eval/return"], not {metrics!r:.60}')


def hparams_end(*, succeeded: bool) -> Summary.Value:
    """How the run ended, for the event file of a run whose hyperparameters were logged."""
    status = STATUS_SUCCESS if succeeded else STATUS_FAILURE
    ended = SessionEndInfo(status=status, end_time_secs=time.time())
    return _summary(SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=ended))


def flatten(config: Mapping[str, Any]) -> dict[str, Value]:
    """The values of a nested mapping by their keys joined with dots; see :func:`encode_hparams`."""
    values: dict[str, Value] = {}
    for name, value in _leaves(config, ""):
        if name in values:
            raise ValueError(f"the hyperparameter {name!r} is there twice, once within a mapping")
        values[name] = _plain(value)
    return values


_FIELDS = {
    bool: ("bool_value", DATA_TYPE_BOOL),
    int: ("number_value", DATA_TYPE_FLOAT64),
    float: ("number_value", DATA_TYPE_FLOAT64),
    str: ("string_value", DATA_TYPE_STRING),
}


def _leaves(config: object, prefix: str) -> Iterator[tuple[str, object]]:
    if not isinstance(config, Mapping):
        kind = type(config).__name__
        raise TypeError(f"hyperparameters are a mapping, not {kind}: give a dict, or vars(args)")
    for key, value in config.items():
        if not isinstance(key, str):
            raise TypeError(f"a hyperparameter's name is text, not {key!r} ({type(key).__name__})")
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _plain(value: Any) -> Value:
    if type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= EXACT:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    return str(value).encode(errors="replace").decode()


def _summary(tag: str, data: HParamsPluginData) -> Summary.Value:
    return Summary.Value(tag=tag, metadata=create_summary_metadata(data), tensor=NULL_TENSOR)
