"""Labels of other data sets: none above 4, or two values alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from simcse_core import StsPairs, TrainConfig
from simcse_core.comparison import cosine_quantiles, curve_differences, ends_of_curve
from simcse_core.config import Pooling
from simcse_core.data import StudyData
from simcse_core.experiments import Experiment, sample_curves
from simcse_core.plans import Plan

SIZES = [6, 10]


def labelled(data: StudyData, label: Callable[[int], float]) -> StudyData:
    def relabel(pairs: StsPairs) -> StsPairs:
        return StsPairs(pairs.first, pairs.second, [label(i) for i in range(len(pairs))])

    return replace(data, dev=relabel(data.dev), test=relabel(data.test))


LABELS: dict[str, Callable[[int], float]] = {
    "up to 4": lambda i: i % 5,
    "zeros and ones": lambda i: i % 2,
}


@pytest.mark.parametrize("labels", LABELS)
def test_a_study_of_a_small_sample_ends_on_labels_of_other_scales(
    labels: str, study_data: StudyData, bert_dir: Path, tmp_path: Path
) -> None:
    plan = Plan(str(bert_dir), Pooling.MEAN, TrainConfig(batch_size=4, learning_rate=1e-3))
    data = labelled(study_data, LABELS[labels])
    run = Experiment("02_small_sample", data, [plan], [0, 1], tmp_path)
    results = run.table("02_small_sample", sample_curves(run, SIZES))
    alignment = results[results["metric"] == "alignment"]
    assert alignment["value"].notna().all()  # of the pairs with the highest labels there are
    run.table(
        "02_scores_by_label",
        cosine_quantiles(ends_of_curve(results), run.data),
        made_from=["02_small_sample"],
    )
    run.table("02_differences", curve_differences(results, data), made_from=["02_small_sample"])
    for chart in ("02_small_sample", "02_scores_by_label", "02_alignment_uniformity"):
        run.chart(chart)
    for part in ("points 02_small_sample n_train test", "chosen 02_small_sample n_train"):
        assert run.tell(part)
    assert run.tell("differences 02_differences")
    assert run.tell("curve 02_small_sample n_train")
    run.facts(results)


def test_tables_of_binary_labels_are_stamped_with_the_highest_spearman(
    study_data: StudyData, bert_dir: Path, tmp_path: Path
) -> None:
    plan = Plan(str(bert_dir), Pooling.MEAN, TrainConfig(batch_size=4))
    data = labelled(study_data, LABELS["zeros and ones"])
    run = Experiment("02_small_sample", data, [plan], [0], tmp_path)
    run.table("02_small_sample", sample_curves(run, SIZES))
    said = str(run.tell("points 02_small_sample n_train test"))
    # Three zeros and three ones: sqrt(1 - 2 (3^3 - 3) / (6^3 - 6)) = sqrt(1 - 48 / 210).
    assert "Spearman is at most 0.878 on dev and 0.878 on test" in said
