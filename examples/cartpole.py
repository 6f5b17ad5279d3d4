"""Balance a pole with REINFORCE, five seeds of it, and draw the returns.

python cartpole.py -m seed=0,1,2,3,4 hydra/launcher=exptools hydra.sweep.dir=multirun/cartpole
exptools plot multirun/cartpole --metric return --x env_steps --band t:95 --out returns.pdf
"""

from dataclasses import dataclass

import gymnasium
import hydra
import torch
from hydra.core.config_store import ConfigStore
from torch import nn

from exptools import logger


@dataclass
class Config:
    lr: float = 1e-2
    discount: float = 0.99
    episodes: int = 300
    seed: int = 0


ConfigStore.instance().store("config", Config)


def play(env: gymnasium.Env, policy: nn.Module) -> tuple[torch.Tensor, list[float]]:
    """One episode: the log-probabilities of its actions, and its rewards."""
    log_probs, rewards, over = [], [], False
    observation, _ = env.reset()
    while not over:
        choice = torch.distributions.Categorical(logits=policy(torch.as_tensor(observation)))
        action = choice.sample()
        observation, reward, terminated, truncated, _ = env.step(action.item())
        log_probs.append(choice.log_prob(action))
        rewards.append(float(reward))
        over = terminated or truncated
    return torch.stack(log_probs), rewards


@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(cfg: Config) -> float:
    torch.manual_seed(cfg.seed)
    env = gymnasium.make("CartPole-v1")
    env.reset(seed=cfg.seed)
    policy = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2))
    optimizer = torch.optim.Adam(policy.parameters(), cfg.lr)
    env_steps, average = 0, 0.0
    for episode in range(cfg.episodes):
        log_probs, rewards = play(env, policy)
        returns = torch.zeros(len(rewards))
        to_come = 0.0
        for step in reversed(range(len(rewards))):
            returns[step] = to_come = rewards[step] + cfg.discount * to_come
        loss = -(log_probs * (returns - returns.mean()) / (returns.std() + 1e-8)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        env_steps += len(rewards)
        average += 0.1 * (sum(rewards) - average)
        logger.log_scalars(
            {"return": sum(rewards), "env_steps": env_steps, "loss": loss}, step=episode
        )
    return average


if __name__ == "__main__":
    main()
