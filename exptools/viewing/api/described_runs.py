"""What some runs have in common and in what they differ: keys, metrics, summaries, sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from exptools.metrics import common, default_metric
from exptools.viewing.api.run_sequence import RunSequence
from exptools.viewing.configs.values import comparison_key
from exptools.viewing.groups import variation
from exptools.viewing.groups.grouping import find_keys, known_keys
from exptools.viewing.groups.metric_names import summary_names
from exptools.viewing.groups.names import config_name, own_name
from exptools.viewing.groups.variation import Overview, Seed, is_seed
from exptools.viewing.run import Fault, natural_key
from exptools.viewing.wording import shortened

MOST_NAMED = 12  # keys in a text that stands for the whole collection


@dataclass(frozen=True, eq=False, repr=False)
class DescribedRuns(RunSequence):
    """Runs that know what they have and in what they differ."""

    def __repr__(self) -> str:
        return f"<Runs: {self._told()}>"

    def _repr_html_(self) -> str:
        from exptools.viewing.api.notebook import runs_table

        # Among few runs all may vary with the seed, which says nothing of them.
        keys = ((key, *alike) if is_seed(key) else (key,) for key, alike in self.together.items())
        return runs_table(self._runs, [*chain.from_iterable(keys)], self._told())

    def _told(self) -> str:
        if not self._runs:
            asked = " and ".join(self._conditions or ())
            return f"no runs for which {asked}" if asked else "no runs"
        numbers = [(len(self), "run"), (len(self.sweeps), "sweep")]
        parts = [f"{n} {word}{'s' if n != 1 else ''}" for n, word in numbers if n or word == "run"]
        keys = [shortened(key) for key in self.varying[:MOST_NAMED]]
        if len(self.varying) > MOST_NAMED:
            keys.append(f"… ({len(self.varying)} keys)")
        return f"{' of '.join(parts)}; varying: {', '.join(keys) or 'nothing'}"

    @cached_property
    def varying(self) -> tuple[str, ...]:
        """The keys whose values differ between the runs, in the order of the configs."""
        return tuple(variation.varying(self._runs))

    @cached_property
    def _overview(self) -> Overview:
        return variation.overview(self._runs)

    @property
    def together(self) -> dict[str, tuple[str, ...]]:
        """The varying keys, with those that divide the runs in the same way under one of them."""
        return self._overview.together

    @property
    def seed(self) -> Seed | None:
        """The key that holds the random seed and a sentence that says why we think so."""
        return self._overview.seed

    @property
    def seed_key(self) -> str | None:
        """The key that holds the random seed, None where there is none."""
        return self.seed.key if self.seed else None

    @cached_property
    def facets(self) -> tuple[str, ...]:
        """Keys worth grouping by, the most telling first.

        ``sweep`` is one if there are several, unless they differ in these keys.
        As ``curves`` takes them: a config's own ``name`` is ``config.name``.
        """
        keys = [config_name(key) for key in self._overview.facets]
        if 1 < len(self.sweeps) < len(self) and not self._tell_sweeps(keys):
            keys.append(own_name("sweep", known_keys(self._runs)))
        return tuple(keys)

    def _tell_sweeps(self, keys: Sequence[str]) -> bool:
        """Whether runs that agree in some keys are of one sweep."""
        found = find_keys(self._runs, keys)
        settings = (tuple(comparison_key(k.value(run)) for k in found) for run in self._runs)
        return bool(keys) and variation.decides(settings, (run.sweep for run in self._runs))

    @property
    def settings(self) -> tuple[str, ...]:
        """Keys that are said where they are averaged: ``facets``, and those of a random search."""
        return (*self.facets, *map(config_name, self._overview.searched))

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """What the runs have logged, in natural order."""
        from exptools.viewing.curves.series import metric_names

        return tuple(metric_names(self.origin, self._runs, None))

    @cached_property
    def resources(self) -> tuple[str, ...]:
        """What was sampled of what the runs used: metrics, too, as ``usage/cpu_percent``."""
        return self.origin.resources(self._runs)

    @cached_property
    def summaries(self) -> tuple[str, ...]:
        """What the runs' summaries have values of, in natural order; ``result`` for example."""
        return tuple(summary_names(self._runs))

    @cached_property
    def sweeps(self) -> tuple[str, ...]:
        """The sweeps (multirun directories) that the runs belong to, in natural order."""
        names = {run.sweep for run in self._runs if run.sweep is not None}
        return tuple(sorted(names, key=natural_key))

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What could not be read: directories, configs, statuses, and metrics read so far."""
        of_runs = (fault for run in self._runs for fault in self.origin.faults(run))
        return (*self.origin.snapshot.faults, *of_runs)

    @cached_property
    def default_metric(self) -> str | None:
        """The metric that tells how good a run is, as its name says; None if none was logged.

        It is one that many of the runs have: at least half as many as have the most common one.
        """
        from exptools.viewing.curves.summaries import measured_names

        logged = self.origin.runs_by_tag(self._runs)
        measured = measured_names(self._runs)
        said = {name: sum(name in run.summary for run in self._runs) for name in measured}
        in_order = {name: logged[name] for name in self.metrics if name in logged}
        return default_metric(common(in_order)) or default_metric(common(said))

    @property
    def default_by(self) -> tuple[str, ...]:
        """The keys to group by so that only the seed is averaged; none where nothing else differs.

        Runs that differ in nothing that is known are each by themselves.
        """
        if self.facets or self.seed_key in self.varying:
            return self.facets
        return (own_name("name", known_keys(self._runs)),)
