"""A LightningModule whose self.log goes to the run of the Hydra job.

python lightning_digits.py -m lr=1e-3,1e-2 hydra/launcher=exptools
"""

from dataclasses import dataclass

import hydra
import torch
from hydra.core.config_store import ConfigStore
from lightning.pytorch import LightningModule, Trainer, seed_everything
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from exptools.logging.adapters.lightning import ExptoolsLogger


@dataclass
class Config:
    lr: float = 1e-3
    epochs: int = 10
    seed: int = 0


ConfigStore.instance().store("config", Config)


class Digits(LightningModule):
    """One hidden layer; everything that it logs is a metric of the run."""

    def __init__(self, lr: float) -> None:
        super().__init__()
        self.lr = lr
        self.network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        loss = nn.functional.cross_entropy(self.network(batch[0]), batch[1])
        self.log("train/loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: list[torch.Tensor]) -> None:
        right = self.network(batch[0]).argmax(1) == batch[1]
        self.log("val/accuracy", right.float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), self.lr)


@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(cfg: Config) -> float:
    seed_everything(cfg.seed)
    pixels, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(pixels / 16, dtype=torch.float32), torch.tensor(labels)
    train = DataLoader(TensorDataset(x[:1400], y[:1400]), 64, shuffle=True)
    val = DataLoader(TensorDataset(x[1400:], y[1400:]), 64)
    trainer = Trainer(max_epochs=cfg.epochs, logger=ExptoolsLogger(), enable_progress_bar=False)
    trainer.fit(Digits(cfg.lr), train, val)
    return float(trainer.callback_metrics["val/accuracy"])


if __name__ == "__main__":
    main()
