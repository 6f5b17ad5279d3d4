"""Which metric to show first, in a terminal or an app: the one that tells how good a run is.

This module imports the standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

# Words of a metric's name, the most telling kind first.
_SCORE = {
    *("reward", "rewards", "rew", "return", "returns", "ret", "success", "score", "win", "solved"),
    *("accuracy", "acc", "top1", "top5", "f1", "auc", "auroc", "auprc", "map", "iou", "dice"),
    *("precision", "recall", "r2", "ndcg", "mrr", "bleu", "rouge", "rouge1", "rouge2"),
    *("psnr", "ssim"),
}
_LOSS = {
    *("loss", "losses", "error", "err", "nll", "elbo", "perplexity", "ppl"),
    *("mse", "mae", "rmse", "mape", "logloss", "cost", "regret", "bpc", "wer", "cer"),
    *("fid", "lpips", "brier", "ece"),
}
_CLOCK = {
    *("time", "seconds", "minutes", "hours", "fps", "sps", "iteration", "iterations", "iter"),
    *("epoch", "step", "steps", "timesteps", "lr", "memory", "gpu", "cpu"),
}
_SIDE = {"std", "stddev", "var", "min", "max", "median", "len", "length", "norm", "grad", "count"}
_HELD_OUT = {"test", "eval", "evaluation", "valid", "validation", "val", "dev"}
MANY = 0.5  # of the runs that have the most common of some values, for one to be shown first
_NOT_THE_VALUE = {"std", "stddev", "var", "len", "length", "norm", "grad", "count"}


def default_metric(metrics: Sequence[str]) -> str | None:
    """The metric to show at first sight, None where there is none.

    Rewards, accuracies and the like come before losses, these before the rest, and clocks last;
    then a mean before its spread, held-out data before training data, and the order given.
    """
    return min(metrics, key=_rank, default=None)


def common(numbers: Mapping[str, int]) -> list[str]:
    """Of the names of some values those that many runs have, given how many have each."""
    most = max(numbers.values(), default=0)
    return [name for name, number in numbers.items() if number >= most * MANY]


def better(metric: str) -> Literal["max", "min"] | None:
    """Whether more or less of a metric is better, as its name tells; None where it does not."""
    words = set(_words(metric))
    score, loss = bool(words & _SCORE), bool(words & _LOSS)
    if score == loss or words & (_CLOCK | _NOT_THE_VALUE):
        return None
    return "max" if score else "min"


def _rank(metric: str) -> tuple[int, bool, int]:
    words = set(_words(metric))
    clock, score, loss = bool(words & _CLOCK), bool(words & _SCORE), bool(words & _LOSS)
    kind = 3 if clock else 0 if score and not loss else 1 if loss else 2
    split = 0 if words & _HELD_OUT else 1 if "train" in words or "training" in words else 2
    return kind, bool(words & _SIDE), split


def _words(metric: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", metric)
    return re.findall(r"[a-z]+[0-9]?", spaced.lower())
