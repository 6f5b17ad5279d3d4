"""Each sentence of docs/troubleshooting.md is one that a program says."""

import ast
import errno
import os
import re
from collections.abc import Iterator
from functools import cache

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode

from tests.docs.page import DOCS, ROOT

PAGE = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
HEADS = [line for line in PAGE.splitlines() if line.startswith("- **`")]
SENTENCES = re.findall(r"\*\*`(.+?)`\*\*(?! \(Hydra\))", "\n".join(HEADS))
# What makes Hydra say a sentence of its own.
HYDRAS = {
    "Could not find 'hydra/launcher/exptools'": "hydra/launcher=exptools",
    "Key '…' not in 'BasicLauncherConf'": "hydra.launcher.jobs=2",
    "Sweeping over Hydra's configuration is not supported": "hydra.launcher.gpus=0,1",
}


def texts(tree: ast.AST) -> Iterator[str]:
    """All texts of a module; what an f-string fills in is a gap."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (v.value if isinstance(v, ast.Constant) else "\0" for v in node.values)
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@cache
def said() -> str:
    """All texts of our code, and what the system says of a disk."""
    files = [file for wing in ("exptools", "hydra_plugins") for file in (ROOT / wing).rglob("*.py")]
    ours = [text for file in files for text in texts(ast.parse(file.read_bytes()))]
    return "\n".join([*ours, os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT)])


@pytest.mark.parametrize("sentence", SENTENCES)
def test_each_sentence_is_one_that_the_program_says(sentence: str) -> None:
    stretches = [part.strip(" :,()") for part in re.split("[…;]", sentence)]
    words = [part for part in stretches if len(part) > 2]
    assert max(map(len, words)) >= 8, "say more of it, or nobody finds it"
    assert [part for part in words if part not in said()] == []


def test_hydras_own_sentences_are_there_and_said() -> None:
    assert re.findall(r"\*\*`(.+?)`\*\* \(Hydra\)", PAGE) == list(HYDRAS)
    with initialize_config_dir(str(DOCS), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        for sentence, override in HYDRAS.items():
            typed = [override.replace("=exptools", "=missing")]
            with pytest.raises(HydraException) as refusal:
                hydra.compose_config(None, typed, run_mode=RunMode.MULTIRUN, from_shell=False)
            told = f"{refusal.value} {refusal.value.__cause__}".replace("missing", "exptools")
            assert re.search(re.escape(sentence).replace("…", ".+"), told)


def test_each_sentence_has_its_advice() -> None:
    lines = PAGE.splitlines()
    advice = [lines[at + 1] for at, line in enumerate(lines) if line.startswith("- **`")]
    assert len(advice) > 70
    assert [line for line in advice if not line.startswith("  ")] == []
