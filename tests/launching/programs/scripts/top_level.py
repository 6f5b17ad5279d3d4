"""Much at the top level that the job uses: settings, handles, names of ``__main__``."""

import abc
import atexit
import builtins
import decimal
import enum
import gc
import inspect
import json
import linecache
import locale
import logging
import multiprocessing
import os
import pickle
import random
import signal
import socket
import sqlite3
import sys
import tempfile
import threading
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import hydra
import numpy as np
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

HERE = Path(__file__).parent
if sys.argv[1:2] == ["--read"]:  # another program that was started with this script reads a job's
    with open(sys.argv[2], "rb") as file:
        MODEL = file.read()

os.chdir(HERE / "data")
sys.path.insert(0, str(HERE / "lib"))
import beside  # noqa: E402 (found by the path that was set a line above)

random.seed(1)
np.random.seed(2)
np.set_printoptions(precision=2)
np.seterr(divide="raise")
decimal.getcontext().prec = 5
os.environ["SET_AT_THE_TOP"] = "yes"
os.umask(0o027)
warnings.filterwarnings("error", category=DeprecationWarning)
warnings.filterwarnings("ignore", message="boring")
sys.setrecursionlimit(2345)
locale.setlocale(locale.LC_ALL, "C.UTF-8")
socket.setdefaulttimeout(77)
gc.set_threshold(701, 11, 11)
builtins.shout = str.upper
json.patched = True
log = logging.getLogger(__name__)

LOCK = threading.Lock()
CONNECTION = sqlite3.connect(":memory:")
CONNECTION.execute("create table answer as select 42 as value")
THIS_FILE = open(__file__, encoding="utf-8")  # noqa: SIM115 (left open on purpose)
ONE_END, OTHER_END = socket.socketpair()
SCRATCH = tempfile.TemporaryDirectory()
TABLE = {"double": lambda x: 2 * x}
SIGNALS = []
UNDER_THE_GUARD = []
CHECKS = {}


def endless():
    while True:
        yield 7


SEVENS = endless()
signal.signal(signal.SIGUSR1, lambda signum, frame: SIGNALS.append(signum))
atexit.register(lambda: print("the program ends"))
OmegaConf.register_new_resolver("double", TABLE["double"])
OmegaConf.register_new_resolver("locked", lambda value, lock=LOCK: (lock.locked(), value)[1])


class Color(enum.Enum):
    RED = 1


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...


def make_class(name):
    return type(name, (Shape,), {"area": lambda self: 4, "lock": LOCK})


Square = make_class("Square")


@dataclass
class Model:
    width: int = 3
    color: Color = Color.RED


@dataclass
class Config:
    job: int = 0
    model: Model = field(default_factory=Model)
    six: int = 0
    kept: str = "${locked:free}"


ConfigStore.instance().store(name="config", node=Config(six="${double:3}"))


def helper(x):
    """Double a number."""
    return 2 * x


def check(function):
    CHECKS[function.__name__] = function
    return function


@check
def its_source_can_be_read():
    return inspect.getsource(helper), inspect.getsource(Model), inspect.getsourcefile(helper)


@check
def a_traceback_shows_the_line():
    try:
        helper(None)
    except TypeError:
        return traceback.format_exc()


@check
def a_warning_shows_the_line():
    with warnings.catch_warnings(record=True) as caught:
        warnings.warn("careful", UserWarning, stacklevel=1)
    return caught[0].filename, caught[0].lineno, linecache.getline(__file__, caught[0].lineno)


@check
def warning_filters_hold():
    warnings.warn("boring", UserWarning, stacklevel=1)
    try:
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    except DeprecationWarning as raised:
        return repr(raised)


@check
def settings_hold():
    gc_state = (gc.isenabled(), gc.get_threshold())
    mask = os.umask(0)
    os.umask(mask)
    return (
        str(np.array([1.23456])),
        np.geterr(),
        str(decimal.Decimal(1) / 3),
        sys.getrecursionlimit(),
        locale.setlocale(locale.LC_ALL),
        socket.getdefaulttimeout(),
        builtins.shout("a"),
        json.patched,
        gc_state,
        mask,
    )


@check
def the_process_stands_where_it_was_put():
    original = hydra.utils.get_original_cwd()
    return os.getcwd(), original, os.environ["SET_AT_THE_TOP"], beside.__file__, sys.path[0]


@check
def main_is_the_script():
    module = sys.modules["__main__"]
    names = ("__name__", "__file__", "__package__", "__doc__", "__cached__")
    return (
        [repr(getattr(module, name, "missing")) for name in names],
        repr(module.__spec__),
        type(module.__loader__).__name__,
        Path(sys.argv[0]).name,
        main.__module__,
        Model.__module__,
        inspect.getmodule(helper) is module,
    )


@check
def names_are_reached_in_any_way():
    import __main__

    return (
        globals()["TABLE"] is TABLE,
        eval("TABLE") is TABLE,
        sys.modules["__main__"].TABLE is TABLE,
        __main__.TABLE is TABLE,
        hydra.utils.get_object("__main__.TABLE") is TABLE,
        hydra.utils.get_class("__main__.Model") is Model,
        hydra.utils.instantiate({"_target_": "__main__.helper", "x": 4}),
        beside.table_of_main() is TABLE,
        sorted(name for name in globals() if not name.startswith("_")),
    )


@check
def handles_work():
    THIS_FILE.seek(0)
    ONE_END.send(b"hello")
    with LOCK:
        counted = CONNECTION.execute("select value from answer").fetchall()
    return counted, THIS_FILE.readline(), OTHER_END.recv(5).decode(), next(SEVENS)


@check
def what_a_factory_made_works():
    return Square().area(), isinstance(Square(), Shape), Square.lock is LOCK, Square.__module__


@check
def the_scratch_directory_is_there():
    return Path(SCRATCH.name).is_dir()


@check
def signal_handlers_hold():
    SIGNALS.clear()
    signal.raise_signal(signal.SIGUSR1)
    return SIGNALS


@check
def structured_configs_keep_their_type():
    config = HydraConfig.get()
    given = OmegaConf.to_object(main.config)
    return (
        type(given) is Config,
        OmegaConf.get_type(main.config) is Config,
        given.model.color is Color.RED,
        given.six,
        given.kept,
        config.job.name,
        config.runtime.cwd,
    )


@check
def objects_survive_pickle():
    return pickle.loads(pickle.dumps(Model(5))) == Model(5)


@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(cfg):
    main.config = cfg
    log.info("a line in the job's log")
    out = Path(HydraConfig.get().runtime.output_dir)
    answers = {}
    for name, function in CHECKS.items():
        try:
            answers[name] = function()
        except Exception as error:  # noqa: BLE001 (what a check raises is its answer)
            answers[name] = repr(error)
    (out / "answers.json").write_text(json.dumps(answers, indent=1))
    (out / "model.pkl").write_bytes(pickle.dumps(Model(cfg.job)))
    draws = {"random": random.random(), "numpy": np.random.random()}
    (out / "draws.json").write_text(json.dumps(draws))
    guarded = [*UNDER_THE_GUARD, multiprocessing.get_start_method(allow_none=True)]
    (out / "guarded.json").write_text(json.dumps(guarded))
    return answers["its_source_can_be_read"]


if __name__ == "__main__" and sys.argv[1:2] == ["--read"]:
    print(pickle.loads(MODEL))
elif __name__ == "__main__":
    UNDER_THE_GUARD.append("set")
    multiprocessing.set_start_method("spawn")
    main()
