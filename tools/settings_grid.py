"""Chooses the training settings of each pooling on dev, by a small grid.

    python -m tools.settings_grid --source CNSD --out docs

Every setting of the grid is trained for one epoch on ``--sentences`` unlabelled sentences, for
each encoder, pooling and seed; the ``--few`` that are best under a protocol in the mean over
encoders and seeds, on ``--more`` too. Test is not read. What is finished is kept in ``--work``: the
same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from simcse_core.config import BUNDLED_ENCODERS, PROJECT_ROOT, PROTOCOLS
from simcse_core.data import StudyData, load_study_data
from simcse_core.exit_code import GOES_ON, exit_code
from simcse_core.experiment import STUDIED, Experiment
from simcse_core.experiments import trajectory_cells
from simcse_core.parameters import checked
from simcse_core.protocols import protocols
from simcse_core.report.markers import fill_file
from simcse_core.report.tables import SETTINGS, settings_means, settings_table, to_markdown
from simcse_core.results import stamp, write_table

NAME = "settings_grid"
# Of each setting the report's value and others around what suits an encoder of a few layers.
GRID: dict[str, list[Any]] = {
    "learning_rate": [1e-5, 1e-4, 2e-4, 5e-4, 1e-3],
    "batch_size": [16, 64],
    "dropout": [0.1, 0.3],
    "temperature": [0.05, 0.1],
}
# A setting is its values in the order of SETTINGS.
Setting = tuple[Any, ...]
COLUMNS = ["protocol", "encoder", "pooling", "n_train", *SETTINGS, "seed", "spearman"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit code."""
    options = _parse(arguments)
    return exit_code(NAME, lambda: choose(options), GOES_ON, also=(ValueError,))


def choose(options: argparse.Namespace) -> None:
    """Measures the grid, writes its table, fills the page beside it and prints it."""
    named = ("source", "encoders", "seeds", "pooling", "max_seq_length")
    checked({name: getattr(options, name) for name in named})
    options.work.mkdir(parents=True, exist_ok=True)
    run = open_run(load_study_data(options.source), options)
    settings = list(product(*(getattr(options, name) for name in SETTINGS)))
    rows = measure(run, settings, options.sentences)
    if options.few:
        chosen = best_settings(rows, options.sentences, options.few)
        rows = pd.concat([rows, measure(run, chosen, options.more)], ignore_index=True)
    rows = rows.drop_duplicates(ignore_index=True)
    parts = {"dataset": run.data.name, "data": run.data.fingerprint, "seeds": options.seeds}
    options.out.mkdir(parents=True, exist_ok=True)
    write_table(options.out, NAME, rows, stamp(["simcse_core.trained_cells"], **parts))
    if (page := options.out / "protocol.md").is_file():
        fill_file(page)
    print(to_markdown(settings_table(rows)))


def open_run(data: StudyData, options: argparse.Namespace) -> Experiment:
    """The encoders under each pooling, on data in whose test dev stands: nothing else is read."""
    dev_alone = replace(data, test=data.dev, fingerprint=f"{data.fingerprint}-dev")
    return Experiment.on(
        dev_alone,
        NAME,
        encoders=options.encoders,
        seeds=options.seeds,
        output_dir=options.work,
        pooling=options.pooling,
        max_seq_length=options.max_seq_length,
    )


def measure(run: Experiment, settings: Sequence[Setting], n: int) -> pd.DataFrame:
    """Spearman on dev after one epoch on ``n`` sentences, and before it, for every setting.

    Returns:
        Columns :data:`COLUMNS`, a row for each protocol, encoder, setting and seed; ``n_train`` is
        0 for the untrained encoder, which has no settings.
    """
    run.check_sizes([n], "sentences")
    cells, of_cell = [], []
    for setting in settings:
        own = dict(zip(SETTINGS, setting, strict=True))
        plans = [replace(plan, train=replace(plan.train, **own)) for plan in run.plans]
        told = "-".join(f"{value:g}" for value in setting)
        for cell in trajectory_cells(run, plans, n, [0, n], STUDIED):
            cells.append(replace(cell, name=f"{cell.name}-{n}-{told}"))
            of_cell.append(own)
    frames = [frame.assign(**own) for frame, own in zip(run.compute(cells), of_cell, strict=True)]
    rows = pd.concat(frames, ignore_index=True)
    rows = rows[(rows["metric"] == "spearman") & (rows["split"] == "dev")]
    rows[SETTINGS] = rows[SETTINGS].where(rows["n_train"] > 0)  # nothing was set yet
    parts = [each.rows(rows).assign(protocol=each.name) for each in protocols(rows)]
    rows = pd.concat(parts).rename(columns={"value": "spearman"})[COLUMNS]
    return rows.drop_duplicates(ignore_index=True)


def best_settings(rows: pd.DataFrame, n: int, few: int) -> list[Setting]:
    """The ``few`` best settings at ``n`` sentences under each protocol, mean over all else."""
    means = settings_means(rows[rows["n_train"] == n])
    best = means.groupby("protocol", sort=False).head(few)
    kinds = [type(GRID[name][0]) for name in SETTINGS]
    found = best[SETTINGS].itertuples(index=False, name=None)
    return list(
        dict.fromkeys(
            tuple(kind(value) for kind, value in zip(kinds, setting, strict=True))
            for setting in found
        )
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m tools.{NAME}", description=__doc__)
    add = parser.add_argument
    add("--source", required=True, help="sample, or a folder of data")
    add("--encoders", nargs="+", default=list(BUNDLED_ENCODERS), help="names or folders")
    add("--pooling", nargs="+", default=list(PROTOCOLS))
    add("--max-seq-length", type=int, default=0, help="in tokens; 0: the encoder's own")
    add("--seeds", nargs="+", type=int, default=[0, 1])
    add("--sentences", type=int, default=800, help="of every setting's run")
    add("--more", type=int, default=10_000, help="of the runs of the best settings")
    add("--few", type=int, default=3, help="how many settings a protocol; 0: none")
    add("--work", type=Path, default=PROJECT_ROOT / "runs" / NAME, help="where runs are kept")
    add("--out", type=Path, required=True, help="folder of the table and of protocol.md")
    for name, values in GRID.items():
        kind = type(values[0])
        add(f"--{name.replace('_', '-')}", nargs="+", type=kind, default=values)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
