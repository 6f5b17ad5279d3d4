"""Torch's settings at the top level, its compiler and its workers; OpenMP's threads where asked."""

import json
import os
from pathlib import Path

import hydra
import torch
import torch.backends.cudnn as cudnn  # noqa: PLR0402 (so it is written)
from hydra.core.hydra_config import HydraConfig
from torch.utils.data import DataLoader, TensorDataset

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
torch.manual_seed(3)
torch.use_deterministic_algorithms(True)
cudnn.benchmark = True
GENERATOR = torch.Generator().manual_seed(4)
if "OPENMP_AT_THE_TOP" in os.environ:
    torch.set_num_threads(2)
    torch.ones(300, 300) @ torch.ones(300, 300)


def act(x: torch.Tensor) -> torch.Tensor:
    return torch.relu(x) + 1


class Scaled(torch.nn.Module):
    def forward(self, x):
        return act(x)


@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    data = TensorDataset(torch.arange(4.0))
    scripted = torch.jit.script(act)
    answers = {
        "scripted": scripted(torch.ones(1)).tolist(),
        "module": torch.jit.script(Scaled())(torch.ones(1)).tolist(),
        "workers": [batch[0].tolist() for batch in DataLoader(data, num_workers=1)],
        "product": (torch.ones(300, 300) @ torch.ones(300, 300)).sum().item(),
        "settings": [
            str(torch.get_default_dtype()),
            torch.are_deterministic_algorithms_enabled(),
            cudnn.benchmark,
            torch.get_num_threads(),
        ],
    }
    out = Path(HydraConfig.get().runtime.output_dir)
    (out / "answers.json").write_text(json.dumps(answers, indent=1))
    draws = [torch.rand(1).item(), torch.rand(1, generator=GENERATOR).item()]
    (out / "draws.json").write_text(json.dumps(draws))
    torch.save(Scaled(), out / "model.pt")


if __name__ == "__main__":
    main()
