"""The original's handlers of cluster managers: they hold their settings, and submit nothing yet."""

from __future__ import annotations

from typing import Any, NoReturn


class ClusterHandlerBase:
    """The settings of a cluster manager's jobs, as attributes."""

    call_script_cmd = "sbatch or qsub"
    cluster_manager_name = "a cluster manager"
    affinity_code = "cluster"  # with which a script gets all that its job may use

    def __init__(self, **settings: Any) -> None:
        self.__dict__.update(settings)

    def make_script(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Not here yet; raises what `refuse_cluster` does."""
        refuse_cluster(self)


def refuse_cluster(handler: object) -> NoReturn:
    """Raise NotImplementedError: the message says what to do instead."""
    manager = getattr(handler, "cluster_manager_name", ClusterHandlerBase.cluster_manager_name)
    command = getattr(handler, "call_script_cmd", ClusterHandlerBase.call_script_cmd)
    raise NotImplementedError(
        f"exptools cannot submit to {manager} yet: call run_experiments in this script instead, "
        f"and submit the script itself ({command}); its runs use the cores and GPUs that it gets"
    )
