"""Tables of metrics that other programs write, and tables that are none."""

import json

import numpy as np
import pytest

import exptools.viewing as xv
from exptools.viewing.readers.formats import READERS
from exptools.viewing.readers.unread import no_runs
from tests.viewing.readers.test_formats import only, series, write
from tests.viewing.samples import indexed, write_run

NAN = float("nan")

YOLO = "epoch,time,train/box_loss,metrics/mAP50(B)\n1,148.8,0.97,0.24\n2,263.6,0.99,0.45\n"
YOLOV5 = (
    "               epoch,      train/box_loss,     metrics/mAP_0.5\n"
    "                   0,            0.094369,            0.056385\n"
    "                   1,            0.066429,             0.11152\n"
)
KERAS = "epoch,accuracy,loss\n0,0.98,0.05\n1,0.99,0.04\n"
MONITOR = '#{"t_start": 1000.5, "env_id": "CartPole-v1"}\nr,l,t\n17.5,14,2.0\n5.25,6,4.0\n'


def columns(index, *names):
    (found,) = index.columns(index.snapshot.runs, names).values()
    return [found[name].tolist() for name in names]


def metric_faults(index):
    index.columns(index.snapshot.runs, ["step"])
    return [fault.reason for fault in index.faults(only(index))]


def test_yolo_has_its_options_and_its_results(tmp_path):
    write(tmp_path / "train", results__csv=YOLO, args__yaml="model: yolo11n.pt\nlr0: 0.01\n")
    index = indexed(tmp_path)
    assert (only(index).format, only(index).config) == (
        "yolo",
        {"model": "yolo11n.pt", "lr0": 0.01},
    )
    assert series(index, "metrics/mAP50(B)") == [[1, 2], [0.24, 0.45]]


@pytest.mark.parametrize(
    "options", ["hyp: data/hyp.yaml\nepochs: 3\n", "hyp:\n  lr0: 0.01\nepochs: 3\n"]
)
def test_yolov5s_blanks_are_none_of_its_names_and_its_hyperparameters_are_below_hyp(
    tmp_path, options
):
    write(tmp_path / "exp", results__csv=YOLOV5, opt__yaml=options, hyp__yaml="lr0: 0.01\n")
    index = indexed(tmp_path)
    assert only(index).config == {"hyp.lr0": 0.01, "epochs": 3}
    assert index.tags(index.snapshot.runs) == ["train/box_loss", "metrics/mAP_0.5"]
    assert series(index, "metrics/mAP_0.5") == [[0, 1], [0.056385, 0.11152]]
    assert metric_faults(index) == []


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_keras_logs_is_a_run_by_its_epochs(tmp_path, separator):
    write(tmp_path / "a", training__log=KERAS.replace(",", separator))
    index = indexed(tmp_path)
    assert only(index).format == "keras"
    assert series(index, "loss") == [[0, 1], [0.05, 0.04]]


def test_what_keras_could_not_measure_is_not_logged(tmp_path):
    write(tmp_path / "a", training__log="epoch,loss,val_loss\n0,0.5,0.6\n1,0.4,NA\n")
    index = indexed(tmp_path)
    assert series(index, "val_loss") == [[0], [0.6]]
    assert metric_faults(index) == []


@pytest.mark.parametrize("again", ["epoch,loss\n", "epoch,loss,lr\n"])
def test_a_training_that_began_anew_in_the_same_file_is_read_with_its_own_header(tmp_path, again):
    row = "0,0.25\n" if again.count(",") == 1 else "0,0.25,0.1\n"
    write(tmp_path / "a", training__log=f"epoch,loss\n0,0.5\n1,0.4\n{again}{row}")
    index = indexed(tmp_path)
    assert series(index, "loss") == [[0, 1, 0], [0.5, 0.4, 0.25]]
    assert metric_faults(index) == []
    if "lr" in again:
        assert series(index, "lr") == [[0], [0.1]]


def test_a_header_that_stands_again_is_no_row_of_a_progress_csv(tmp_path):
    write(tmp_path / "a", progress__csv="step,x\n0,1\nstep,x,y\n0,2,3\n1,bad,3\n")
    index = indexed(tmp_path)
    x, y = series(index, "x")
    assert x == [0, 0, 1]
    np.testing.assert_equal(y, [1, 2, NAN])
    (fault,) = index.faults(only(index))
    assert (fault.line, fault.reason) == (5, "x: 'bad' is no number; shown as NaN")


def test_headers_that_take_turns_leave_the_rows_in_their_order(tmp_path):
    turns = "epoch,loss\n{0},{0}.5\nepoch,acc\n{0},0.{0}\nepoch,loss\n"
    text = "".join(turns.format(epoch) for epoch in range(2000))
    write(tmp_path / "a", log__csv=text)
    index = indexed(tmp_path)
    x, y = series(index, "loss")
    assert (x, y) == (list(range(2000)), [epoch + 0.5 for epoch in range(2000)])
    assert columns(index, "step")[0][:4] == [0, 0, 1, 1]
    assert metric_faults(index) == []


STRANGERS = {
    "data": {"train__csv": "age,income\n3,4\n"},
    "data with epochs": {"train__csv": "epoch,loss\n3,4\n"},
    "a log of words": {"training__log": "epoch 1, loss 2\n"},
    "words in a table": {"history__csv": "epoch,event\nnoon,lunch\n"},
    "no header": {"log__csv": "0,0.5\n1,0.4\n"},
    "one column": {"log__csv": "epoch\n1\n"},
    "somebody's results": {"results__csv": YOLO},
    "somebody's options": {"args__yaml": "lr: 1\n"},
    "a monitor of a network": {"monitor__csv": "time,load\n1,2\n"},
    "another result": {"result__json": '{"training_iteration": 1}\n'},
    "bytes": {"training__log": "epoch,loss\n0,\ud800\n"},
}


@pytest.mark.parametrize("files", STRANGERS.values(), ids=STRANGERS.keys())
def test_what_only_looks_like_metrics_is_no_run(tmp_path, files):
    for name, text in files.items():
        path = tmp_path / name.replace("__", ".")
        path.write_bytes(text.encode(errors="surrogatepass"))
    assert indexed(tmp_path).snapshot.runs == ()


@pytest.mark.parametrize(
    "table",
    [
        "age,income\n3,4\n",
        "step,text\n0,hello\n",
        "step\n",
        "0,1\n2,3\n",
        "PassengerId,epoch,Name\n1,2,Braund\n",
    ],
)
def test_a_split_of_data_beside_a_hydra_config_is_no_metric_but_named(tmp_path, table):
    run = write_run(tmp_path / "0", {"lr": 1}, state=None)
    write(run, train__csv=table)
    index = indexed(tmp_path)
    assert index.tags(index.snapshot.runs) == []
    assert only(index).unread == ("train.csv",)


def test_the_episodes_of_all_environments_are_put_in_their_order(tmp_path):
    write(tmp_path / "logs", **{"0__monitor__csv": MONITOR})
    later = '# {"t_start": 1001.5, "env_id": null} \nr,l,t,is_success\n1.5,10,2.0,True\n'
    write(tmp_path / "logs", **{"1__monitor__csv": later})
    index = indexed(tmp_path)
    assert only(index).format == "monitor"
    assert columns(index, "step", "wall_time", "r", "t") == [
        [14, 24, 30],
        [1002.5, 1003.5, 1004.5],
        [17.5, 1.5, 5.25],
        [2, 2, 4],
    ]
    assert series(index, "is_success") == [[24], [1]]
    assert metric_faults(index) == []


def test_a_broken_monitor_takes_no_other_with_it_and_is_named_with_its_line(tmp_path):
    write(tmp_path, **{"0__monitor__csv": MONITOR, "1__monitor__csv": MONITOR})
    with (tmp_path / "1.monitor.csv").open("a") as file:
        file.write("1,2\nx,3,5.0\n7")
    index = indexed(tmp_path)
    index.columns(index.snapshot.runs, ["r"])
    faults = index.faults(only(index))
    assert [(fault.file.name, fault.line) for fault in faults] == [
        ("1.monitor.csv", 5),
        ("1.monitor.csv", 6),
        ("1.monitor.csv", 7),
    ]
    assert len(series(index, "l")[1]) == 5


RESULTS = (
    {"loss": 0.5, "done": False, "timesteps_total": None, "training_iteration": 1,
     "timestamp": 1795742361, "hostname": "vm", "config": {"lr": 3}, "info": {"kl": {"a": 1}}},
    {"loss": NAN, "done": True, "timesteps_total": None, "training_iteration": 2,
     "timestamp": 1795742362, "hostname": "vm", "config": {"lr": 3}, "late": 7, "hist": [1, 2]},
)  # fmt: skip


def ray_files(tmp_path, results: str) -> None:
    write(tmp_path / "trial", result__json=results, params__json='{"lr": 3}')


def test_ray_tunes_results_are_numbers_by_nested_names_and_booleans_are_0_and_1(tmp_path):
    ray_files(tmp_path, "".join(f"{json.dumps(result)}\n" for result in RESULTS))
    write(tmp_path / "trial", progress__csv="training_iteration,loss\n1,9\n")
    index = indexed(tmp_path)
    assert (only(index).format, only(index).config) == ("ray", {"lr": 3})
    assert index.tags(index.snapshot.runs) == ["loss", "done", "info/kl/a", "late"]
    np.testing.assert_equal(series(index, "loss"), [[1, 2], [0.5, NAN]])
    assert series(index, "done") == [[1, 2], [0, 1]]
    assert series(index, "late") == [[2], [7]]
    assert columns(index, "wall_time") == [[1795742361, 1795742362]]
    assert metric_faults(index) == []


def test_ray_tunes_table_alone_has_the_same_numbers(tmp_path):
    table = (
        "loss,done,timesteps_total,hostname,info,training_iteration,timestamp\n"
        "0.5,False,,vm,\"{'kl': 1}\",1,1795742361\n,True,,vm,{},2,1795742362\n"
    )
    write(tmp_path / "trial", progress__csv=table)
    index = indexed(tmp_path)
    assert only(index).format == "ray"
    assert index.tags(index.snapshot.runs) == ["loss", "done"]
    assert series(index, "done") == [[1, 2], [0, 1]]
    assert series(index, "loss") == [[1], [0.5]]
    assert columns(index, "wall_time") == [[1795742361, 1795742362]]
    assert metric_faults(index) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("[1]", "list where a result should be an object"),
        ('{"loss": ', "left out: "),
        ('{"a":' * 3000 + "1" + "}" * 3000, "left out: "),
        ('{"loss": ' + "9" * 5000 + "}", "left out: "),
    ],
)
def test_a_line_that_is_no_result_is_a_fault_and_takes_no_other_with_it(tmp_path, line, reason):
    ray_files(tmp_path, f'{{"loss": 1, "training_iteration": 1}}\n{line}\n{{"loss": 1e999}}\n{{"lo')
    index = indexed(tmp_path)
    assert columns(index, "loss") == [[1, float("inf")]]
    left_out, unfinished = index.faults(only(index))
    assert (left_out.line, unfinished.line) == (2, 4)
    assert reason in left_out.reason


@pytest.mark.parametrize("result", ['{"acc": 0.9}\n', '{\n  "training_iteration": 3\n}\n', "x"])
def test_a_result_of_another_program_beside_its_parameters_is_not_rays(tmp_path, result):
    ray_files(tmp_path, result)
    assert only(indexed(tmp_path)).format == "variant"


STEPS = {
    "Time Steps": "Time Steps,R\n5,1\n",
    "TimestepsSoFar": "EpRewMean,TimestepsSoFar,Iteration\n1,5,0\n",
    "env_step": "epoch,env_step,R\n0,5,1\n",
    "num_timesteps": "num_timesteps,R\n5,1\n",
    "exploration/num steps total": "Epoch,exploration/num steps total,R\n0,5,1\n",
    "Number of env steps total": "Number of env steps total,Epoch\n5,1\n",
    "steps": "steps,R\n5,1\n",
    "episode": "episode,steps,R\n5,99,1\n",  # the steps of an episode are its length
    "Iteration": "Iteration,Value\n5,1\n",
    "env_steps": "Epoch,env_steps\n0,5\n",
    "timesteps": "epoch,timesteps\n0,5\n",
    "Step": "Wall time,Step,Value\n9,5,1\n",  # as TensorBoard exports it
    "Global Step": "EPOCH,Global Step\n0,5\n",
}


@pytest.mark.parametrize(("name", "table"), STEPS.items())
def test_steps_are_known_by_the_names_that_libraries_give_them(tmp_path, name, table):
    write(tmp_path / "a", progress__csv=table)
    index = indexed(tmp_path)
    (found,) = index.columns(index.snapshot.runs, ["step"]).values()
    assert (found["step"].tolist(), found.step_from) == ([5], name)


SAC_TRAIN = "actor_loss,episode,episode_reward,step\n-0.25,1.0,27.5,1000\n-0.5,2.0,30.0,2000\n"
SAC_EVAL = "episode,episode_reward,step\n0.0,24.0,0.0\n10.0,36.5,5000.0\n"


def test_pytorch_sacs_training_and_evaluation_are_told_apart(tmp_path):
    run = write_run(tmp_path / "0", {"seed": 1}, state=None)
    write(run, train__csv=SAC_TRAIN, eval__csv=SAC_EVAL)
    index = indexed(tmp_path)
    assert index.tags(index.snapshot.runs) == [
        *("eval/episode", "eval/episode_reward"),
        *("train/actor_loss", "train/episode", "train/episode_reward"),
    ]
    assert series(index, "train/episode_reward") == [[1000, 2000], [27.5, 30]]
    assert series(index, "eval/episode_reward") == [[0, 5000], [24, 36.5]]
    assert only(index).unread == ()


def test_tables_beside_a_hydra_config_are_metrics_where_name_and_columns_say_so(tmp_path):
    run = write_run(tmp_path / "0", {"seed": 1}, state=None)
    results, losses = (
        "env_step,episode_reward,step\n30,21.5,1\n51,30,2\n",
        "epoch,step,loss\n0,1,-2.5\n",
    )
    write(run, results__csv=results, model_train__csv=losses, metrics__csv="step,loss\n1,4\n")
    write(run, table__csv=losses, eval_1__csv=losses, train_data__csv="age,income\n3,4\n")
    write(run, logit__csv=losses)
    index = indexed(tmp_path)
    assert series(index, "results/episode_reward") == [[1, 2], [21.5, 30]]
    assert series(index, "model_train/loss") == [[1], [-2.5]]
    assert series(index, "loss") == [[1], [4]], "it is taken once"
    unread = ("eval_1.csv", "logit.csv", "table.csv", "train_data.csv")
    assert only(index).unread == unread


def test_monitors_beside_our_own_rows_add_what_only_they_have(tmp_path):
    run = write_run(tmp_path / "0", {"seed": 1}, "step,loss\n0,0.5\n")
    write(run, monitor__csv=MONITOR)
    write(run / "eval", monitor__csv=MONITOR)
    index = indexed(tmp_path)
    assert series(index, "loss") == [[0], [0.5]]
    assert series(index, "r") == [[14, 20], [17.5, 5.25]]
    assert series(index, "eval/r") == [[14, 20], [17.5, 5.25]]


def test_event_files_below_a_monitor_are_runs_by_themselves(tmp_path):
    write(tmp_path / "logs", monitor__csv=MONITOR)
    for name in ("PPO_1", "DQN_1"):
        write(tmp_path / "logs" / name, **{"events.out.tfevents.1.h": ""})
    assert len(indexed(tmp_path).snapshot.runs) == 3


def test_the_one_yolo_training_of_a_hydra_job_is_that_jobs(tmp_path):
    run = write_run(tmp_path / "0", {"lr0": 3})
    write(run / "runs" / "detect" / "train", results__csv=YOLO, args__yaml="lr0: 1\nbatch: 2\n")
    index = indexed(tmp_path)
    assert only(index).config == {"lr0": 3, "batch": 2}
    assert series(index, "train/box_loss") == [[1, 2], [0.97, 0.99]]


def test_what_counts_the_steps_is_said_and_can_be_chosen(tmp_path):
    write(tmp_path / "a", progress__csv="Epoch,TotalEnvInteracts,R\n0,100,1\n1,200,2\n")
    write(tmp_path / "b", progress__csv="Epoch,R\n0,1\n1,2\n")
    write(tmp_path / "c", progress__csv="R\n1\n2\n")
    runs = xv.load(tmp_path)
    assert runs.curves("R").notes[0] == (
        "step is not the same in all runs: TotalEnvInteracts in 1 run, Epoch in 1 run, the "
        "number of the row in 1 run. x can be any column that all have."
    )
    assert runs[1:2].curves("R").notes == ("step is Epoch, as no column is called step.",)
    by_epoch = runs[:2].curves("R", by=[], x="Epoch")
    assert (by_epoch.notes, by_epoch.groups[0].curve.x.tolist()) == ((), [0, 1])


def test_all_formats_that_are_read_are_told():
    assert [reader.name for reader in READERS if not reader.marks] == []


def test_what_lies_where_no_run_is_is_named_with_whose_it_is(tmp_path):
    write(tmp_path / "runs" / "train", results__csv=YOLOV5, weights__pkl="")
    for name in ("a", "b"):
        write(tmp_path / "data" / name, train__csv="age\n3\n")
    (tmp_path / "mlruns" / "0").mkdir(parents=True)
    found = no_runs([tmp_path], None)
    assert found.startswith(f"no runs in {tmp_path}: found {tmp_path}/mlruns/ (MLflow's), ")
    assert f"{tmp_path}/data/a/train.csv and 1 more (a table)" in found
    assert f"{tmp_path}/runs/train/results.csv (YOLO's, without its args.yaml)" in found
    assert "weights.pkl (pickled, which is not read: it could run code). A run is a" in found


def test_episodes_of_an_evaluation_are_not_put_among_those_of_the_training(tmp_path):
    names = ("0.monitor.csv", "1.monitor.csv", "eval_0.monitor.csv", "eval_1.monitor.csv")
    write(tmp_path / "logs", **{name.replace(".", "__"): MONITOR for name in names})
    index = indexed(tmp_path)
    assert series(index, "r") == [[14, 28, 34, 40], [17.5, 17.5, 5.25, 5.25]]
    assert series(index, "eval/r") == [[14, 28, 34, 40], [17.5, 17.5, 5.25, 5.25]]
