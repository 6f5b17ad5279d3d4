"""Variants: small cases of our own; test_variant_oracle.py has those of the original."""

from pathlib import Path

import numpy as np
import pytest

from exptools.launching.variant import (
    VARIANT_FILE,
    VariantLevel,
    flatten_variant4hparams,
    load_variant,
    make_variants,
    save_variant,
    update_config,
)

LR = VariantLevel([("optimizer", "lr")], [[0.1], [0.01]], ["fast", "slow"])
SIZE = VariantLevel([("width",), ("depth",)], [[8, 1], [16, 2]], ["small", "large"])


def test_levels_are_crossed_and_the_first_is_slowest() -> None:
    variants, log_dirs = make_variants(LR, SIZE)
    assert log_dirs == ["fast/small", "fast/large", "slow/small", "slow/large"]
    assert variants[1] == {"optimizer": {"lr": 0.1}, "width": 16, "depth": 2}
    assert variants[1].optimizer.lr == 0.1
    assert make_variants(LR, SIZE, create_subdirs=False)[1][0] == "_fast_small"


def test_variants_share_nothing() -> None:
    shared = {"layers": [1, 2]}
    net = VariantLevel([("net",)], [[shared]], ["one"])
    for levels in ((net, LR), (LR, net)):
        variants, _ = make_variants(*levels)
        variants[0].net.layers.append(3)
        assert variants[1].net.layers == shared["layers"] == [1, 2]
    default = {"net": {"layers": [1]}, "lr": 1}
    config = update_config(default, {"lr": 2})
    config["net"]["layers"].append(2)
    assert default == {"net": {"layers": [1]}, "lr": 1}


@pytest.mark.parametrize(
    ("level", "message"),
    [
        (VariantLevel(["lr"], [[1]], ["a"]), r"'lr' is no tuple: write \('lr',\)"),  # type: ignore[list-item]
        (VariantLevel([("a",), ("b",)], ["xy"], ["a"]), "should be a list, not 'xy'"),
        (VariantLevel([("a",)], [], []), "has no values"),
        (VariantLevel([("a",)], [[1]], []), "1 rows of values, but 0 dir_names"),
        (VariantLevel([("a",)], [[1, 2]], ["a"]), "has 2 values for 1 keys"),
        (VariantLevel([("a",)], [[1]], ["/abs"]), "not '/abs'"),
        (VariantLevel([("optimizer", "lr")], [[1]], ["a"]), "optimizer.lr is set twice"),
        (VariantLevel([("optimizer",)], [[1]], ["a"]), "optimizer is set twice"),
        (VariantLevel([("optimizer", "lr", "x")], [[1]], ["a"]), "optimizer.lr is 0.1 already"),
        (VariantLevel([("a",)], [[1], [2]], ["x", "./x"]), "the same directory"),
    ],
)
def test_a_level_that_would_lose_something_is_refused(level: VariantLevel, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_variants(LR, level)


def test_a_key_that_the_default_has_not_is_told_with_the_nearest() -> None:
    with pytest.raises(KeyError, match=r"optimizer.lrr is not in the default.*mean 'lr'"):
        update_config({"optimizer": {"lr": 1}}, {"optimizer": {"lrr": 2}})
    with pytest.raises(TypeError, match="both or neither should be a dictionary"):
        update_config({"optimizer": {"lr": 1}}, {"optimizer": 2})


def test_a_variant_is_saved_whole_or_not_at_all(tmp_path: Path) -> None:
    save_variant({"lr": np.float32(0.5), "layers": (1, 2)}, tmp_path)
    loaded = load_variant(tmp_path)
    assert loaded == {"lr": 0.5, "layers": [1, 2]}
    with pytest.raises(TypeError, match=r"net.init is of type set, which JSON cannot say"):
        save_variant({"lr": 1, "net": {"init": {1}}}, tmp_path)
    assert load_variant(tmp_path) == loaded
    assert [path.name for path in tmp_path.iterdir()] == [VARIANT_FILE]


def test_what_is_loaded_has_attributes_at_every_depth(tmp_path: Path) -> None:
    save_variant({"net": {"layers": [{"width": 3}]}}, tmp_path)
    assert load_variant(tmp_path).net.layers[0].width == 3
    (tmp_path / VARIANT_FILE).write_text('{"a": 1, "a": 2}')
    with pytest.raises(ValueError, match="it has the key 'a' twice"):
        load_variant(tmp_path)


def test_flat_hparams_are_new_and_lose_nothing() -> None:
    variant = {"net": {"width": 3, "init": {}}, "name": None}
    flat = flatten_variant4hparams(variant)
    assert flat == {"net.width": 3, "net.init": "{}", "name": "None"}
    assert variant == {"net": {"width": 3, "init": {}}, "name": None}
    with pytest.raises(ValueError, match=r"two keys of the variant are 'a\.b'"):
        flatten_variant4hparams({"a.b": 1, "a": {"b": 2}})
