"""Every name that scripts of the original exptools and of rlpyt import, or ask of the logger."""

import importlib
import sys
from types import ModuleType
from typing import Any

import pytest

from exptools.logging import logger

# Found by a search of their sources; see docs/compat.md.
IMPORTED = """
exptools.buffer buffer_from_example torchify_buffer
exptools.collections AttrDict namedarraytuple namedarraytuple_like is_namedtuple_class
exptools.launching.affinity affinity_from_code encode_affinity make_affinity quick_affinity_code
exptools.launching.affinity get_n_run_slots prepend_run_slot set_gpu_from_visibles
exptools.launching.cluster ClusterHandlerBase
exptools.launching.cluster.pbs PbsHandler
exptools.launching.cluster.slurm SlurmHandler
exptools.launching.exp_launcher run_experiments run_on_cluster
exptools.launching.variant VARIANT VariantLevel make_variants load_variant save_variant
exptools.launching.variant update_config flatten_variant4hparams
exptools.logging Logger logger
exptools.logging.autoargs get_all_parameters
exptools.logging.console colorize mkdir_p
exptools.logging.context logger_context get_log_dir PARAMS_LOG_FILE SCALAR_LOG_FILE TEXT_LOG_FILE
exptools.logging.tabulate tabulate
exptools.viewing.plotter PaperCurvePlotter color_defaults
exptools.exp_database ExpDatabase
exptools.colors get_rgb_colors
"""
ASKED = """
add_scalar_output add_tabular_output add_text_output additional_scalar_output dump_data
dump_scalar dump_tabular get_log_tabular_only get_snapshot_dir get_snapshot_mode log log_gif
log_image log_scalar log_scalar_batch log_text pop_prefix pop_text_prefix prefix push_prefix
push_text_prefix record_tabular record_tabular_misc_stat remove_scalar_output
remove_tabular_output remove_text_output save_itr_params set_client set_iteration
set_log_tabular_only set_snapshot_dir set_snapshot_gap set_snapshot_mode set_tf_summary_writer
tabular_prefix tb_writer unset_client
"""


@pytest.mark.parametrize("line", IMPORTED.split("\n")[1:-1])
def test_every_name_that_is_imported_is_there(line: str) -> None:
    module, *names = line.split()
    there = importlib.import_module(module)
    assert [name for name in names if not hasattr(there, name)] == []


@pytest.mark.parametrize("verb", ASKED.split())
def test_every_verb_that_is_asked_of_the_logger_is_there(verb: str) -> None:
    assert hasattr(logger, verb)


def test_the_handlers_of_clusters_take_what_they_took() -> None:
    from exptools.launching.cluster import ClusterHandlerBase
    from exptools.launching.cluster.pbs import PbsHandler
    from exptools.launching.cluster.slurm import SlurmHandler

    slurm = SlurmHandler(mem="16G", time="3-12:00:00", n_gpus=1, partition="", cuda_module="cuda")
    assert (slurm.mem, slurm.n_gpus, slurm.cluster_manager_name) == ("16G", 1, "slurm")
    assert slurm.commands == ("module load cuda",)
    pbs = PbsHandler(mem="16G", walltime="7200:00:00", n_gpus=1, destination_queue="gpu1")
    assert (pbs.walltime, pbs.call_script_cmd) == ("7200:00:00", "qsub")
    with pytest.raises(NotImplementedError, match="ClusterHandlerBase writes no script: give it"):
        ClusterHandlerBase(mem="1G").make_script("out", "demo", 0, ["python"])


def test_colours_and_directories_of_the_console(tmp_path: Any) -> None:
    from exptools.logging.console import colorize, mkdir_p

    assert colorize("x", "red", bold=True, highlight=True) == "\x1b[41;1mx\x1b[0m"
    with pytest.raises(ValueError, match="no color 'pink'"):
        colorize("x", "pink")
    mkdir_p(tmp_path / "a" / "b")
    mkdir_p(str(tmp_path / "a" / "b"))
    mkdir_p("")
    assert (tmp_path / "a" / "b").is_dir()


def test_tabulate_is_the_library_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from exptools.logging.tabulate import tabulate

    library: Any = ModuleType("tabulate")
    library.tabulate = lambda rows, headers=(): f"{rows} {headers}"
    monkeypatch.setitem(sys.modules, "tabulate", library)
    assert tabulate([("a", 1)], headers=["k", "v"]) == "[('a', 1)] ['k', 'v']"
    monkeypatch.setitem(sys.modules, "tabulate", None)
    with pytest.raises(ModuleNotFoundError, match="pip install tabulate"):
        tabulate([])


def test_rllabs_arguments_say_what_to_use_instead() -> None:
    from exptools.logging.autoargs import get_all_parameters

    with pytest.raises(NotImplementedError, match=r"autoargs\.get_all_parameters .* with argparse"):
        get_all_parameters(object, None)


def test_a_verb_of_the_proxy_leads_to_a_logger_of_ones_own(tmp_path: Any) -> None:
    from exptools.logging import Logger

    mine = Logger(tmp_path / "mine")
    logger.set_client(mine)
    logger.log_scalar("a", 1, 0)
    logger.dump_data()
    logger.unset_client()
    assert logger.directory is None
    mine.close()
    again = Logger(tmp_path / "mine")
    again.log_scalar("a", 2, 1)
    again.close()
    rows = (tmp_path / "mine" / "progress.csv").read_text().splitlines()
    assert [row.split(",")[2] for row in rows] == ["a", "1", "2"], "it goes on"
    with pytest.raises(TypeError, match=r"takes an exptools\.logging\.Logger"):
        logger.set_client(print)


def test_runs_of_the_original_are_found_by_their_values(tmp_path: Any) -> None:
    from exptools.exp_database import ExpDatabase
    from exptools.viewing.plotter import PaperCurvePlotter

    for lr, run_id in ((0.1, 0), (0.1, 1), (0.2, 0)):
        run = tmp_path / "data" / "local" / f"lr{lr}" / f"run_{run_id}"
        run.mkdir(parents=True)
        for place in (run, run.parent):
            extra = f', "run_ID": "{run_id}"' if place is run else ""
            (place / "variant_config.json").write_text(f'{{"opt": {{"lr": {lr}}}{extra}}}')
        # The original writes its header again in each row.
        rows = (f"x,y\n{step},{step * lr}\n" for step in range(3))
        (run / "progress.csv").write_text("".join(rows))
    paths = [str(tmp_path / "data")]
    found = ExpDatabase(paths, required_files=["progress.csv"]).get_datapaths({"opt.lr": None})
    assert [(config["opt.lr"], len(runs)) for config, runs in found] == [(0.1, 2), (0.2, 1)]
    plotter = PaperCurvePlotter(paths)
    ((config, curves),) = plotter.get_curves({"opt.lr": [0.2, 0.3]}, "x", "y")
    assert config == {"opt.lr": 0.2}
    assert [curve.tolist() for curve in curves] == [[[0, 1, 2], [0, 0.2, 0.4]]]
    with pytest.raises(NotImplementedError, match=r"\.curves\('y', by=\['opt.lr'\], x='x'\)"):
        plotter.make_plots({"opt.lr": None}, {}, "x", "y", show_legend=True)
