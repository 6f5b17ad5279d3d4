"""Stable-Baselines3's PPO, whose own logger writes into the run of the Hydra job.

python sb3_cartpole.py -m seed=0,1,2 hydra/launcher=exptools
"""

from dataclasses import dataclass

import hydra
from hydra.core.config_store import ConfigStore
from stable_baselines3 import PPO
from stable_baselines3.common.logger import Logger

from exptools.logging.adapters.stable_baselines3 import ExptoolsOutputFormat


@dataclass
class Config:
    lr: float = 3e-4
    timesteps: int = 20_000
    rollout: int = 512
    seed: int = 0


ConfigStore.instance().store("config", Config)


@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(cfg: Config) -> float:
    model = PPO(
        "MlpPolicy",
        "CartPole-v1",
        learning_rate=cfg.lr,
        n_steps=cfg.rollout,
        seed=cfg.seed,
        device="cpu",
    )
    model.set_logger(Logger(None, [ExptoolsOutputFormat()]))
    model.learn(cfg.timesteps)
    returns = [episode["r"] for episode in model.ep_info_buffer or []]
    return sum(returns) / len(returns)


if __name__ == "__main__":
    main()
