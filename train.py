"""Train a small multilayer perceptron on scikit-learn's handwritten digits, logging each epoch.

python train.py                                              one run
python train.py -m lr=1e-3,1e-4 hydra/launcher=exptools      a sweep
"""

from __future__ import annotations

import warnings

import hydra
import numpy as np
from omegaconf import DictConfig
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from exptools import logger


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> float:
    """Train as the config says; the return value, the test accuracy, is what a sweeper sees."""
    digits = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        digits.data / 16.0, digits.target, test_size=0.3, random_state=0
    )
    model = MLPClassifier(
        hidden_layer_sizes=tuple(cfg.model.hidden),
        learning_rate_init=cfg.lr,
        batch_size=cfg.batch_size,
        random_state=cfg.seed,
        max_iter=1,
        warm_start=True,  # each fit() is one more epoch
    )
    warnings.simplefilter("ignore", ConvergenceWarning)
    accuracy = 0.0
    for epoch in range(cfg.epochs):
        model.fit(x_train, y_train)
        accuracy = float(model.score(x_test, y_test))
        logger.log_scalars(
            {
                "train/loss": model.loss_,
                "test/loss": log_loss(y_test, model.predict_proba(x_test), labels=np.arange(10)),
                "test/accuracy": accuracy,
            },
            step=epoch,
        )
    return accuracy


if __name__ == "__main__":
    main()
