"""The writer below a SummaryWriter, for those who hand it TensorBoard's own messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exptools.logging.errors import warn_user

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    from exptools.logging.adapters.target import Target

_HPARAMS, _SCALARS = "hparams", "scalars"  # plugins of TensorBoard


class FileWriter:
    """Shaped like ``torch.utils.tensorboard.FileWriter``, for the run of a SummaryWriter."""

    def __init__(self, target: Target) -> None:
        self._target = target

    @property
    def event_writer(self) -> FileWriter:
        """What is below theirs can do the same as this."""
        return self

    def get_logdir(self) -> str:
        """The run directory."""
        return self._target.directory

    def add_summary(
        self, summary: Summary, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Log scalars and hyperparameters as ours, and write all else to the event file as it is.

        Raises:
            TypeError, ValueError, LoggingError: as :meth:`Logger.log_scalars`.
        """
        for value in summary.value:
            plugin = value.metadata.plugin_data
            if value.HasField("simple_value"):
                self._target.add({value.tag: value.simple_value}, global_step)
            elif plugin.plugin_name == _SCALARS and value.HasField("tensor"):
                from tensorboard.util.tensor_util import make_ndarray

                self._target.add({value.tag: make_ndarray(value.tensor)}, global_step)
            elif plugin.plugin_name == _HPARAMS:
                self._add_hparams(plugin.content)
            else:
                self._target.show(value, global_step)

    def add_event(self, event: Event, step: Any = None, walltime: float | None = None) -> None:
        """Log the summary of an event; other kinds are left out."""
        kind = event.WhichOneof("what")
        if kind == "summary":
            self.add_summary(event.summary, event.step if step is None else step)
        elif kind not in (None, "file_version", "session_log"):  # which we write ourselves
            warn_user(f"an event of the kind {kind} is left out: exptools keeps nothing of it")

    def flush(self) -> None:
        """End the row and write it."""
        self._target.flush()

    def close(self) -> None:
        """See :meth:`SummaryWriter.close`."""
        self._target.close()

    def reopen(self) -> None:
        """Open the run again."""
        _ = self._target.logger

    def _add_hparams(self, content: bytes) -> None:
        """Log what theirs says in three messages; how the run ended, we say when it has."""
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

        data = HParamsPluginData.FromString(content)
        if data.HasField("experiment"):
            self._target.metrics = [info.name.tag for info in data.experiment.metric_infos]
        elif data.HasField("session_start_info"):
            hparams = data.session_start_info.hparams
            values = {name: _plain(value) for name, value in hparams.items()}
            self._target.log_hparams(values, self._target.metrics)


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    number = getattr(value, kind) if kind else None
    return int(number) if isinstance(number, float) and number.is_integer() else number
