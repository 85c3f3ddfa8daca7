"""What a notebook works with: data, encoders, seeds, and a folder for cells, tables and charts.

Every cell, a run or a fit, is kept in the folder and used again while nothing that decides it
changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import pandas as pd
from matplotlib.figure import Figure

from simcse_core.cells import Cell, compute_cells
from simcse_core.comparison import MEAN_OF_ENCODERS
from simcse_core.config import BEST, PROTOCOLS, HubData, encoder_settings
from simcse_core.data import StudyData, load_study_data
from simcse_core.errors import DataError
from simcse_core.fitted_cells import NO_ENCODER
from simcse_core.folders import (
    NOTEBOOKS_BESIDE,
    Owner,
    claim,
    only_run,
    output_directory,
    owner_of,
    plan_of_run,
)
from simcse_core.parameters import checked
from simcse_core.plans import Plan, best_pooling, distinct, make_plans, named_poolings
from simcse_core.reading.columns import Columns
from simcse_core.ready_plans import ReadyPlan, ready_plans
from simcse_core.report.facts import facts
from simcse_core.report.pages import told, write_chart
from simcse_core.report.phrases import in_words
from simcse_core.report.style import set_style
from simcse_core.results import (
    Stamp,
    TableError,
    differing,
    names_here,
    read_table,
    stamp,
    write_table,
)
from simcse_core.text_profile import describe_tokens
from simcse_core.untrained_encoder import UntrainedEncoder, untrained_encoders
from simcse_core.workers import n_threads, use_threads

# Whose code decides the numbers of a table.
TABLE_MODULES = tuple(
    f"simcse_core.{name}" for name in ("trained_cells", "fitted_cells", "comparison", "claims")
)
# What the study is about; others stand beside it where they are asked for.
STUDIED = ("unsup-simcse",)
# What a notebook may set for all of its encoders, in the place of each one's own.
SETTINGS = ("pooling", "training", "max_seq_length")
# What stands in the encoder's place on results that are of none, or of all.
RESERVED_LABELS = (NO_ENCODER, MEAN_OF_ENCODERS)


@dataclass(frozen=True)
class Experiment:
    """What every call of a notebook shares.

    Attributes:
        name: the notebook's.
        data: what is trained and measured on.
        plans: each encoder under each pooling, with settings; each encoder has a label of its own.
        seeds: each draws its own sentences and dropout.
        output_dir: where cells, tables and charts go.
        parameters: what else decides the results, for the stamps of the tables.
        language: of charts and prose.
        settings: those of :data:`SETTINGS` that the notebook sets for all of its encoders.
        origin: the ``source``, ``extra_sentences`` and ``hub`` that the data was read from.
        ready_made: encoders of others that stand beside those that are studied.
        modules: of this package, whose code decides the numbers of its tables.

    Raises:
        DataError: no seed, a negative one, or one twice.
        EncoderNameError: one encoder twice.
    """

    name: str
    data: StudyData
    plans: Sequence[Plan]
    seeds: Sequence[int]
    output_dir: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)
    language: str = "en"
    settings: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)
    ready_made: Sequence[ReadyPlan] = ()
    modules: Sequence[str] = TABLE_MODULES
    _read: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.seeds or min(self.seeds) < 0 or len(set(self.seeds)) != len(self.seeds):
            raise DataError(f"seeds: distinct numbers from 0 up are needed, got {self.seeds}")
        if len(self.plans) > 1:
            object.__setattr__(self, "plans", distinct(self.plans, RESERVED_LABELS))

    @classmethod
    def open(
        cls,
        name: str,
        *,
        source: str,
        extra_sentences: Sequence[str],
        hub: Mapping[str, object],
        encoders: Sequence[str],
        seeds: Sequence[int],
        output_dir: str,
        language: str,
        text_column: str = "",
        pair_columns: Sequence[str] = (),
        label_column: str = "",
        **parameters: Any,
    ) -> Self:
        """Reads the data, finds the encoders, and prints what is going to be run on what.

        Args:
            parameters: the notebook's settings of its encoders (see :data:`SETTINGS`), and what is
                its own, such as its sizes.

        Raises:
            ParameterError: a parameter that cannot be used.
            FolderError: ``output_dir`` cannot be written, holds what is not ours, or is in use.
            WorkerError: the environment asks for workers or threads that are no number.
        """
        origin = checked({"source": source, "extra_sentences": extra_sentences, "hub": hub})
        named = {"text_column": text_column, "label_column": label_column}
        origin |= checked({**named, "pair_columns": list(pair_columns)})
        given = {"encoders": encoders, "seeds": seeds, "language": language, **parameters}
        owner = owner_of(origin["source"], origin["hub"])
        return cls.opened(name, partial(_load, **origin), owner, output_dir, given, origin)

    @classmethod
    def opened(
        cls,
        name: str,
        load: Callable[[], StudyData],
        owner: Owner,
        output_dir: str,
        given: Mapping[str, Any],
        origin: Mapping[str, Any] | None = None,
    ) -> Self:
        """What every notebook opens: checks what is given, claims the folder, reads, and prints.

        Args:
            load: reads the data, once the parameters are known to be usable.
            owner: whose the folder is unless a study has claimed it.
            given: what :meth:`on` takes.
        """
        use_threads(n_threads())
        own = checked(given)
        folder = checked({"output_dir": output_dir})["output_dir"]
        folder = output_directory(folder, owner.default_name())
        own["language"] = set_style(own["language"])
        run = cls.on(load(), name, output_dir=folder, origin=origin, **own)
        if plan_of_run(folder) is None:  # a study has claimed its folder itself
            claim(folder, owner, NOTEBOOKS_BESIDE)
        with only_run(folder):  # refused now rather than after the first computation
            run.note(run.describe())
        return run

    @classmethod
    def on(
        cls,
        data: StudyData,
        name: str,
        *,
        encoders: Sequence[str | UntrainedEncoder],
        seeds: Sequence[int],
        output_dir: Path,
        language: str = "en",
        origin: Mapping[str, Any] | None = None,
        **parameters: Any,
    ) -> Self:
        """An experiment on data that was read; nothing is printed or written.

        Args:
            encoders: by their names, or shared with experiments on other data.
        """
        settings = {key: parameters.pop(key) for key in SETTINGS if key in parameters}
        poolings, training = settings.get("pooling", PROTOCOLS), settings.get("training")
        looked_at = untrained_encoders(encoders, settings.get("max_seq_length"))
        found = [plan for one in looked_at for plan in make_plans(one, data, poolings, training)]
        plans = distinct(found, RESERVED_LABELS)
        for plan in {plan.stamp["encoder"]: plan for plan in plans}.values():
            plan.check_known(data.held_out() or data.pool.sentences)
        return cls(
            name, data, plans, seeds, output_dir, parameters, language, settings, origin or {}
        )

    def beside(self, ready_made: Sequence[str | Mapping[str, str]]) -> Self:
        """The same run with ready-made encoders beside those that are studied; says which."""
        plans = self.ready_plans(ready_made)
        for plan in plans:
            self.note(plan.describe())
        run = replace(self, ready_made=plans)
        run._read.update(self._read)
        return run

    def ready_plans(self, asked: Sequence[str | Mapping[str, str]]) -> list[ReadyPlan]:
        """Ready-made encoders, found and called by labels that no encoder of this run has.

        Args:
            asked: as :meth:`ReadyPlan.of` takes them.

        Raises:
            ParameterError, EncoderError, HubError: see :func:`ready_plans`.
        """
        names = checked({"ready_made": asked})["ready_made"]
        studied = [plan.stamp["encoder"] for plan in self.plans]
        return ready_plans(names, [*RESERVED_LABELS, *studied])

    def describe(self) -> str:
        """The data, the encoders with their settings, how much is cut, the seeds."""
        own = [f"{key} {value}" for key, value in self.parameters.items()]
        return "\n".join(
            [
                self.data.describe(),
                *(plan.describe() for plan in self.plans),
                *self._describe_best(),
                *dict.fromkeys(self._describe_lengths(plan) for plan, *_ in self.encoder_plans()),
                " · ".join([f"seeds {list(self.seeds)}", *own]),
            ]
        )

    def _describe_lengths(self, plan: Plan) -> str:
        """Of files that are not known beforehand, more is told than what is cut."""
        if self.data.found:
            text = [*self.data.held_out(), *self.data.pool.sentences]
            return describe_tokens(text, plan.untrained)
        return plan.describe_cut(self.data.held_out(), self.data.MEASURED)

    def _describe_best(self) -> Iterator[str]:
        """Lines for people: which pooling of each encoder was found to be best, if that was asked.

        The best one may be named too, which leaves one protocol fewer.
        """
        asked = self.settings.get("pooling", PROTOCOLS)
        if BEST not in asked:
            return
        for plans in self.encoder_plans():
            best = best_pooling(plans[0], self.data)
            told = f"{plans[0].stamp['encoder']}: {best} is the best pooling untrained, on dev"
            count = "one protocol" if len(plans) == 1 else f"{len(plans)} protocols"
            named_too = best in named_poolings(plans[0], asked)
            yield f"{told}, and named too: {count}" if named_too else told

    def check_sizes(self, sizes: Sequence[int], parameter: str = "sizes") -> None:
        """Raises a DataError that names the parameter unless every size can be drawn."""
        self.data.require_pairs()
        self.check_drawable(sizes, parameter)

    def check_drawable(self, sizes: Sequence[int], parameter: str) -> None:
        """The same where no labelled pairs are asked for."""
        n_pool = len(self.data.pool.sentences)
        if (
            not sizes
            or len(set(sizes)) != len(sizes)
            or not 2 <= min(sizes) <= max(sizes) <= n_pool
        ):
            raise DataError(
                f"{parameter}: distinct numbers from 2 to the {n_pool:,} sentences of the pool are "
                f"needed, got {list(sizes)}; name more files in extra_sentences for a larger pool"
            )

    # ---------------------------------------------------------------- cells

    def compute(self, cells: Sequence[Cell]) -> list[pd.DataFrame]:
        """The rows of each cell, in order; what is kept is not computed again.

        Everything that a notebook computes goes through here, as one list where it can.
        """
        self.let_go()
        frames = compute_cells(cells, self.output_dir, self.name, self.of_every_cell())
        return [frame.assign(experiment=self.name) for frame in frames]

    def let_go(self) -> None:
        """Takes the encoders that were loaded for planning out of memory."""
        for plan in self.plans:
            plan.let_go()

    def of_every_cell(self) -> dict[str, object]:
        """What decides each of its cells, beside the cell's own parts."""
        return self._shared()

    def _shared(self) -> dict[str, object]:
        """What decides every table of this experiment."""
        return {
            "experiment": self.name,
            "dataset": self.data.name,
            "data": self.data.fingerprint,
            "threads": n_threads(),
        }

    def _stamp(self, **parts: object) -> Stamp:
        return stamp(self.modules, **self._shared(), **parts)

    # ---------------------------------------------------------------- what is studied

    def encoder_plans(self) -> list[list[Plan]]:
        """The plans of each encoder, under all poolings that are studied."""
        labels = dict.fromkeys(plan.stamp["encoder"] for plan in self.plans)
        return [[p for p in self.plans if p.stamp["encoder"] == label] for label in labels]

    def protocols(self) -> list[tuple[str, str]]:
        """Encoder and pooling of each plan."""
        return [(plan.stamp["encoder"], plan.pooling.value) for plan in self.plans]

    # ---------------------------------------------------------------- tables

    def table(self, name: str, frame: pd.DataFrame, made_from: Sequence[str] = ()) -> pd.DataFrame:
        """Writes a table with its stamp, and gives it back.

        Args:
            made_from: the tables it was derived from, if it was; they are named with their hashes,
                and so are those of other notebooks that were read before.
        """
        parts: dict[str, object] = {"plans": self._plans(), "seeds": list(self.seeds)}
        if made_from:
            parts["made_from"] = {table: self._hash(table) for table in made_from}
        if self._read:
            parts["read"] = dict(self._read)
        if self.ready_made:
            parts["ready_made"] = [plan.stamp for plan in self.ready_made]
        if self.data.published:
            parts["published"] = self.data.published
        if ceilings := self.data.ceilings():
            parts["ceilings"] = ceilings
        own = {"settings": dict(self.settings), "parameters": dict(self.parameters)}
        if self.origin:
            own["extra_sentences"] = self.origin["extra_sentences"]
        made_by = self._stamp(**parts, **own)
        with only_run(self.output_dir):
            write_table(self.output_dir, name, frame, made_by)
        return frame

    def _plans(self, trained: bool = True) -> list[dict[str, Any]]:
        """What is stamped of each plan; where nothing is trained, with the encoder's own settings.

        A notebook that trains nothing has no parameter for it.
        """
        trains = [
            plan.train if trained else encoder_settings(plan.encoder, plan.pooling).train
            for plan in self.plans
        ]
        return [
            {**plan.stamp, "train": asdict(train)}
            for plan, train in zip(self.plans, trains, strict=True)
        ]

    def _data_with(self, extra_sentences: Sequence[str] | None) -> str:
        """The fingerprint of this run's data with a pool of other files beside the source's."""
        if not self.origin or extra_sentences in (None, self.origin["extra_sentences"]):
            return self.data.fingerprint
        return _load(**{**self.origin, "extra_sentences": extra_sentences}).fingerprint

    def _hash(self, table: str) -> str:
        return self._read.get(table) or read_table(self.output_dir, table)[1]["sha256"]

    def read(self, name: str, notebook: str) -> pd.DataFrame:
        """A table that another notebook wrote into the same folder, measured as this run measures.

        Encoders have the labels of this run in it, whatever the other notebook called them.

        Raises:
            TableError: it is not there, was changed, or was measured on other data, with another
                encoder, other settings, seeds or code; the message names the notebook to run.
        """
        again = f"run notebooks/{notebook}.ipynb with the same output_dir and parameters first"
        try:
            frame, made_by = read_table(self.output_dir, name)
        except FileNotFoundError as error:
            raise TableError(
                f"{error.filename} is not there; {again}, or the whole study with make study"
            ) from error
        except (ValueError, OSError) as error:
            raise TableError(f"{error}; {again}") from error
        plans = self._plans("training" in made_by.get("settings", ()))
        data = self._data_with(made_by.get("extra_sentences"))
        mine = self._stamp() | {"experiment": notebook, "data": data, "plans": plans}
        planned = (plan_of_run(self.output_dir) or {}).get(notebook, {})
        if said := differing(made_by, mine, self.seeds, planned):
            raise TableError(f"{name}.csv was measured with {said}; {again}")
        self._read[name] = made_by["sha256"]
        here = names_here(made_by.get("plans", []), plans)
        if "encoder" in frame:
            frame["encoder"] = [here.get(name, name) for name in frame["encoder"]]
        return frame

    # ---------------------------------------------------------------- what is shown

    def chart(self, name: str) -> Figure:
        """Draws a chart from its table as it was written, saves it beside it, and returns it.

        Args:
            name: a key of :data:`simcse_core.report.topics.CHARTS`.
        """
        return write_chart(self.output_dir, name)

    def tell(self, part: str) -> Told:
        """A table or prose of what was written, such as ``curve 02_small_sample n_train``.

        Args:
            part: a kind of :data:`simcse_core.report.markers.KINDS`, a table, further words.
        """
        return Told(told(self.output_dir, part, self.language))

    def facts(self, results: pd.DataFrame) -> None:
        """Prints what holds of these rows on every machine."""
        self.note(self.data.describe(), *facts(results))

    def note(self, *lines: str) -> None:
        """Prints lines in the run's language, those that have Chinese words for them."""
        print(in_words("\n".join(lines), self.language))


def _load(
    source: str,
    extra_sentences: Sequence[str],
    hub: Mapping[str, object],
    text_column: str = "",
    pair_columns: Sequence[str] = (),
    label_column: str = "",
) -> StudyData:
    columns = Columns(text_column, tuple(pair_columns), label_column)
    return load_study_data(source, extra_sentences, HubData.from_mapping(hub), columns)


class Told(str):
    """Markdown that a notebook shows as such."""

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        return str(self)
