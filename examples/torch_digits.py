"""Classify small images with PyTorch; killed and started again, it goes on from its last snapshot.

python torch_digits.py epochs=20
python torch_digits.py -m lr=1e-3,1e-2 seed=0,1,2 hydra/launcher=exptools
"""

from dataclasses import dataclass

import hydra
import torch
from hydra.core.config_store import ConfigStore
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

from exptools import logger


@dataclass
class Config:
    lr: float = 1e-2
    channels: int = 16
    epochs: int = 10
    seed: int = 0


ConfigStore.instance().store("config", Config)


@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(cfg: Config) -> float:
    torch.manual_seed(cfg.seed)
    pixels, labels = load_digits(return_X_y=True)
    images = torch.tensor(pixels / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    data = TensorDataset(images, torch.tensor(labels))
    train, test = random_split(data, [0.8, 0.2], torch.Generator().manual_seed(0))
    device = "cuda" if torch.cuda.is_available() else "cpu"  # of several, the slot's own
    convolution = nn.Conv2d(1, cfg.channels, 3, padding=1)
    head = nn.Linear(cfg.channels * 16, 10)
    model = nn.Sequential(convolution, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), head).to(device)
    optimizer = torch.optim.Adam(model.parameters(), cfg.lr)

    first = 0
    if snapshot := logger.load_snapshot(map_location=device):
        model.load_state_dict(snapshot.state["model"])
        optimizer.load_state_dict(snapshot.state["optimizer"])
        first = snapshot.itr + 1
    accuracy = 0.0
    for epoch in range(first, cfg.epochs):
        for x, y in DataLoader(train, 64, shuffle=True):
            loss = nn.functional.cross_entropy(model(x.to(device)), y.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            logger.log_scalar_mean("train/loss", loss, epoch)
        with torch.no_grad():
            x, y = (part.to(device) for part in test[:])
            accuracy = (model(x).argmax(1) == y).float().mean().item()
        logger.log_scalar("test/accuracy", accuracy, epoch)
        logger.dump()
        logger.save_snapshot(
            lambda: {"model": model.state_dict(), "optimizer": optimizer.state_dict()}, epoch
        )
    return accuracy


if __name__ == "__main__":
    main()
