"""A callback that takes notes in the job's directory."""

from pathlib import Path

from hydra.experimental.callback import Callback


class Notes(Callback):
    file = "callback.txt"

    def on_job_start(self, config, **_):
        self.note(config.hydra.runtime.output_dir, f"starts job {config.hydra.job.num}")

    def on_job_end(self, config, job_return, **_):
        self.note(config.hydra.runtime.output_dir, f"ends with {job_return.status.name}")

    def note(self, directory, text):
        with open(Path(directory, self.file), "a", encoding="utf-8") as file:
            file.write(f"{text}\n")
