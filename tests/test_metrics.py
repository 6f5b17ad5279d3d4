import pytest

from exptools.metrics import better, default_metric


@pytest.mark.parametrize(
    ("metrics", "first"),
    [
        (["alpha", "train/loss", "zeta/reward"], "zeta/reward"),
        (["a", "b", "train/loss"], "train/loss"),
        (["train/accuracy", "test/accuracy"], "test/accuracy"),
        (["train/acc", "val_acc", "val_loss"], "val_acc"),
        (["eval/loss", "train/return"], "train/return"),
        (["time/fps", "time/iterations", "rollout/ep_len_mean", "rollout/ep_rew_mean"],
         "rollout/ep_rew_mean"),
        (["ReturnStd", "ReturnMax", "ReturnAverage"], "ReturnAverage"),
        (["return/count", "return/max", "return/mean", "return/std"], "return/mean"),
        (["time/total", "gpu", "entropy"], "entropy"),
        (["reward_loss", "success_rate"], "success_rate"),
        (["replaced", "loss"], "loss"),
        (["train/loss", "valLoss", "lr"], "valLoss"),
        (["reward_model/loss", "success_rate"], "success_rate"),
        ([], None),
    ],
)  # fmt: skip
def test_the_metric_that_says_most_comes_first(metrics, first):
    assert default_metric(metrics) == first


@pytest.mark.parametrize(
    ("metric", "direction"),
    [
        *(("test/accuracy", "max"), ("EpRewMean", "max"), ("return_max", "max")),
        *(("test/r2", "max"), ("ndcg@10", "max"), ("val_precision", "max"), ("rougeL", "max")),
        *(("fid", "min"), ("val/logloss", "min"), ("valLoss", "min")),
        *(("word_error", "min"), ("train/mse", "min")),
        *(("loss_std", None), ("grad_norm/loss", None), ("reward_loss", None)),
        ("return/count", None),
        *(("entropy", None), ("time/return", None), ("", None)),
    ],
)
def test_a_name_tells_whether_more_or_less_is_better_or_does_not(metric, direction):
    assert better(metric) == direction
