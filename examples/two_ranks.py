"""Data-parallel training in two processes, which log as if they were one.

torchrun --nproc-per-node 2 two_ranks.py
"""

import torch
from sklearn.datasets import load_digits
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from exptools import logger

EPOCHS = 5


def main() -> None:
    distributed.init_process_group("gloo")  # "nccl" with GPUs
    logger.open("runs/two_ranks")  # in all ranks; those above 0 write nothing
    torch.manual_seed(0)
    pixels, labels = load_digits(return_X_y=True)
    data = TensorDataset(torch.tensor(pixels / 16, dtype=torch.float32), torch.tensor(labels))
    sampler = DistributedSampler(data)
    model = DistributedDataParallel(nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for epoch in range(EPOCHS):
        sampler.set_epoch(epoch)
        for x, y in DataLoader(data, 64, sampler=sampler):
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        distributed.all_reduce(total := loss.detach())  # rank 0 logs what it knows, so tell it
        logger.log_scalar("train/loss", total / distributed.get_world_size(), epoch)
    logger.close()
    # Nobody leaves while another still talks to it. A barrier of the first group would hold on to
    # the last tensor, and torch aborts where that is let go of when Python has ended.
    distributed.barrier(distributed.new_group())
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
