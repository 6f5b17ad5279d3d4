"""AttrDict: a dictionary in every respect, with attributes."""

import copy
import json
import pickle

import pytest

from exptools.collections import AttrDict


@pytest.fixture
def config() -> AttrDict:
    return AttrDict(optimizer={"lr": 0.1, "betas": [0.9, 0.99]}, seed=3)


def test_keys_are_attributes_at_every_depth(config: AttrDict) -> None:
    assert config.optimizer.lr == config["optimizer"]["lr"] == 0.1
    config.optimizer.schedule = {"warmup": 5}
    assert config.optimizer.schedule.warmup == 5
    del config.seed
    assert "seed" not in config


def test_a_missing_key_is_told_with_the_nearest_one(config: AttrDict) -> None:
    with pytest.raises(AttributeError, match="no 'optimiser' here; did you mean 'optimizer'"):
        _ = config.optimiser
    with pytest.raises(KeyError, match="no 'sed' here; did you mean 'seed'"):
        _ = config["sed"]
    with pytest.raises(AttributeError, match="did you mean 'seed'"):
        del config.sed
    assert not hasattr(config, "epochs")
    assert config.get("epochs") is None


def test_a_copy_shares_its_lists_but_no_dictionary(config: AttrDict) -> None:
    other = config.copy()
    other.optimizer.lr = 9
    assert config.optimizer.lr == 0.1
    assert other.optimizer.betas is config.optimizer.betas
    assert copy.deepcopy(config).optimizer.betas is not config.optimizer.betas


def test_it_survives_pickle_and_json(config: AttrDict) -> None:
    again = pickle.loads(pickle.dumps(config))
    assert type(again) is type(again.optimizer) is AttrDict
    assert again == config == json.loads(json.dumps(config))


@pytest.mark.parametrize("name", ["copy", "items", "self", "keys", 0])
def test_any_key_may_be_called_as_a_method_is(name: object) -> None:
    assert AttrDict({name: 1}).copy()[name] == 1


def test_an_attribute_that_would_hide_a_method_is_refused() -> None:
    with pytest.raises(AttributeError, match=r"'items' is a method of a dictionary: write \["):
        AttrDict().items = 3
