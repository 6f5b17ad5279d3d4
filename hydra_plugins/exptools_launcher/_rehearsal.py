"""What every job does for the first time, done once where the jobs are forked from."""

from __future__ import annotations

import contextlib
import copy
import importlib

from hydra.conf import HydraConf
from omegaconf import OmegaConf, open_dict, read_write
from omegaconf.grammar_parser import parse

# Modules that every job would import anew, after it was forked.
_IMPORTED_LATE = ("hydra._internal.logging_config", "omegaconf._impl", "antlr4.LL1Analyzer")
# Hydra's own interpolations, and what users write: the parser learns from each form of them.
_INTERPOLATIONS = (
    "${hydra.runtime.output_dir}/${hydra.job.name}.log",
    "multirun/${now:%Y-%m-%d}/${now:%H-%M-%S}",
    "${hydra.job.num}_${hydra.job.override_dirname}",
    "runs/${hydra:job.name}-${.seed}/${oc.env:HOME,none}",
    "[%(asctime)s][%(name)s][%(levelname)s] - %(message)s ${a[0].b}",
)


def rehearse() -> None:
    """Import, parse, copy and dump what Hydra does for each job; nothing is resolved.

    A process forked from this one finds modules loaded, the parser's tables filled and the
    interpreter adapted to what it runs.
    """
    for name in _IMPORTED_LATE:
        with contextlib.suppress(ImportError):  # another version of Hydra or OmegaConf
            importlib.import_module(name)
    for text in _INTERPOLATIONS:
        parse(text)
    config = OmegaConf.create({"hydra": OmegaConf.structured(HydraConf)})
    for _ in range(2):  # Python adapts code that it runs again
        config = copy.deepcopy(config)
        with read_write(config), open_dict(config):
            OmegaConf.to_yaml(OmegaConf.masked_copy(config, "hydra"))
