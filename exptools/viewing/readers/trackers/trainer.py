"""Runs of Hugging Face's Trainer: ``trainer_state.json``, in the run or in its checkpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from exptools.plain_json import parse_json
from exptools.rundir import read_regular
from exptools.viewing.configs import safe_json
from exptools.viewing.configs.parsing import flat_settings
from exptools.viewing.readers.description import Description, Reader, RunTexts, fault_of
from exptools.viewing.readers.trackers.checkpoints import CHECKPOINTS, STATE, trainer_states
from exptools.viewing.readers.walk import Listing
from exptools.viewing.run import Fault

_MODEL = "config.json"
_MAX_STATE = 2**28  # bytes; the log is in it
_PROGRESS = "global_step"
# What of a state was chosen, and what came of it; the rest tells how far it got.
_CHOSEN = (
    *("num_train_epochs", "max_steps", "train_batch_size"),
    *("logging_steps", "eval_steps", "save_steps", "trial_params"),
)
_SAID = ("best_metric", "best_global_step", "best_model_checkpoint", "total_flos", "trial_name")
_OF_MODEL = ("_name_or_path", "model_type")


def _files(listing: Listing) -> tuple[str, ...] | None:
    states = trainer_states(listing)
    models = (state.replace(STATE, _MODEL) for state in states)
    return (*states, *models) if states else None


def _read(run: RunTexts) -> Description:
    faults: list[Fault] = []
    states = [_values(run, name, faults) for name in run.signatures if name.endswith(STATE)]
    models = [run.json(name) for name in run.signatures if name.endswith(_MODEL)]
    state = max(states, key=lambda state: state[_PROGRESS], default={})
    chosen = {name: state[name] for name in _CHOSEN if state.get(name) is not None}
    model = models[0].config if models else {}  # not all directories of that name are a model's
    config = {name: model[name] for name in _OF_MODEL if name in model}
    said = {name: state[name] for name in _SAID if isinstance(state.get(name), (int, float, str))}
    return Description(
        flat_settings(config | chosen), faults=tuple(faults), summary=MappingProxyType(said)
    )


def _values(run: RunTexts, name: str, faults: list[Fault]) -> Mapping[str, Any]:
    """What a state says, its log apart."""
    try:
        values: dict[str, Any] = parse_json(run.text(name, _MAX_STATE, _without_log))
    except (OSError, ValueError) as error:
        faults.append(fault_of(run.path(name), error))
        return {_PROGRESS: -1}
    return values


def _without_log(path: str, limit: int) -> str:
    state = safe_json.load(read_regular(path, limit))
    if not isinstance(state, dict):
        raise ValueError(f"should hold an object, not a {type(state).__name__}")
    step = state.get(_PROGRESS)
    kept = {name: state[name] for name in (*_CHOSEN, *_SAID) if name in state}
    return json.dumps({**kept, _PROGRESS: step if isinstance(step, (int, float)) else 0})


READER = Reader(
    *("trainer", _files, _read),
    belongs="always",
    parts=(CHECKPOINTS,),
    marks="trainer_state.json (Hugging Face's Trainer)",
)
