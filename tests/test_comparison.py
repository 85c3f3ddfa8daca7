from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from simcse_core.comparison import (
    MEAN_OF_ENCODERS,
    baseline_differences,
    best_of_each,
    cosine_quantiles,
    curve_differences,
    ends_of_curve,
    overview_differences,
    same_sizes,
    seed_interval,
    without_shared,
)
from simcse_core.data import SentencePool, StsPairs, StudyData
from simcse_core.protocols import protocols
from simcse_core.statistics import (
    bootstrap_interval,
    pack_cosines,
    percentiles,
    resampled_spearman,
    spearman,
    unpack_cosines,
)

N_PAIRS = 60
KINDS = {"untrained": "untrained", "unsup-simcse": "trained", "esimcse": "trained"}
KINDS |= {"sup-simcse": "labelled"}


def pairs(split: str, seed: int) -> StsPairs:
    scores = np.random.default_rng(seed).integers(0, 6, N_PAIRS).astype(float)
    sides = ([f"{split} {side} {i}" for i in range(N_PAIRS)] for side in ("first", "second"))
    return StsPairs(*sides, scores)


@pytest.fixture(scope="module")
def data() -> StudyData:
    pool = SentencePool(["甲"], 1, 0, 1, frozenset({"test first 0", "test second 7"}))
    return StudyData("tiny data", pairs("dev", 0), pairs("test", 1), pool, None, "0123456789ab")


def rows(data: StudyData, quality: float, seeds: int = 2, **columns: object) -> pd.DataFrame:
    """Spearman rows whose cosines follow the labels the more, the higher ``quality`` is."""
    found = []
    for seed in range(seeds):
        for split, of in (("dev", data.dev), ("test", data.test)):
            name = [int(quality * 100), seed, len(split), *map(ord, str(columns.get("method")))]
            noise = np.random.default_rng(name).normal(size=N_PAIRS)
            cosines = np.round(np.tanh(0.2 * (quality * of.scores + noise)), 6)
            low, high = bootstrap_interval(cosines, of.scores, 50)
            row = {"seed": seed, "split": split, "metric": "spearman", "dataset": data.name}
            row |= {"value": spearman(cosines, of.scores), "ci_low": low, "ci_high": high}
            found.append({**row, "cosines": pack_cosines(cosines)})
    fixed = {"encoder": "tiny", "pooling": "mean", "n_train": 0, "epoch": 0.0}
    fixed |= {"kind": KINDS.get(str(columns.get("method")), "fitted")}
    return pd.DataFrame(found).assign(**{**fixed, **columns})


def curve(data: StudyData, x: str = "n_train") -> pd.DataFrame:
    others = [
        rows(data, quality, method=method, **{x: at})
        for method, at, quality in (
            ("unsup-simcse", 50, 0.3),
            ("unsup-simcse", 400, 0.6),
            ("unsup-simcse", 800, 0.7),
            ("whitening", 50, 0.2),
            ("whitening", 800, 0.4),
        )
    ]
    return pd.concat([rows(data, 0.1, method="untrained"), *others], ignore_index=True)


def told(table: pd.DataFrame) -> list[tuple[object, ...]]:
    columns = ["after", "after_at", "before", "before_at"]
    return list(table.loc[table["split"] == "test", columns].itertuples(index=False, name=None))


@pytest.fixture(scope="module")
def differences(data: StudyData) -> pd.DataFrame:
    return curve_differences(curve(data), data)


# --- along a curve ---------------------------------------------------------------------------


@pytest.mark.parametrize("x", ["n_train", "epoch"])
def test_every_difference_of_a_curve_is_there_on_both_splits(x: str, data: StudyData) -> None:
    table = curve_differences(curve(data, x), data, x)
    assert table["split"].value_counts().to_dict() == {"dev": 9, "test": 9}
    assert told(table) == [
        ("unsup-simcse", 50, "untrained", 0),
        ("unsup-simcse", 400, "untrained", 0),
        ("unsup-simcse", 800, "untrained", 0),
        ("whitening", 50, "untrained", 0),
        ("whitening", 800, "untrained", 0),
        ("unsup-simcse", 50, "whitening", 50),
        ("unsup-simcse", 800, "whitening", 800),
        ("unsup-simcse", 800, "unsup-simcse", 50),
        ("unsup-simcse", 800, "unsup-simcse", 400),
    ]
    assert set(table["encoder"]) == {"tiny"}
    assert set(table["dataset"]) == {"tiny data"}


def test_a_difference_is_the_mean_over_seeds_with_both_intervals(
    differences: pd.DataFrame, data: StudyData
) -> None:
    found = differences[differences["split"] == "test"].iloc[1]  # SimCSE at 400 minus untrained
    results = curve(data)
    results = results[results["split"] == "test"]
    after = results[(results["method"] == "unsup-simcse") & (results["n_train"] == 400)]
    before = results[results["method"] == "untrained"]
    values = after["value"].to_numpy() - before["value"].to_numpy()
    assert found["n_seeds"] == 2
    assert found["value"] == pytest.approx(values.mean())
    assert (found["seed_low"], found["seed_high"]) == pytest.approx(seed_interval(values))
    assert found["pair_low"] < found["value"] < found["pair_high"]


def test_the_interval_over_pairs_of_one_seed_is_the_paired_bootstrap(data: StudyData) -> None:
    results = curve(data)[lambda table: table["seed"] == 0]
    found = curve_differences(results, data)
    found = found[found["split"] == "dev"].iloc[0]  # SimCSE at 50 minus untrained
    dev = results[results["split"] == "dev"]
    before, after = (unpack_cosines(dev["cosines"].iloc[i]) for i in (0, 1))
    change = found["value"]
    resampled = [resampled_spearman(cosines, data.dev.scores) for cosines in (before, after)]
    expected = (change, *percentiles(resampled[1] - resampled[0]))
    labels = data.dev.scores
    assert change == pytest.approx(spearman(after, labels) - spearman(before, labels))
    assert (found["value"], found["pair_low"], found["pair_high"]) == pytest.approx(expected)
    assert math.isnan(found["seed_low"])
    assert found["n_seeds"] == 1


def test_only_seeds_that_both_sides_have_are_compared(data: StudyData) -> None:
    results = curve(data)
    lost = (results["method"] == "unsup-simcse") & (results["seed"] == 1)
    results.loc[lost & (results["n_train"] == 800), "value"] = math.nan  # training broke down
    table = curve_differences(results, data)
    seeds = table[table["split"] == "test"].set_index(["after", "after_at", "before"])["n_seeds"]
    assert seeds["unsup-simcse", 800, "untrained"].item() == 1
    assert seeds["unsup-simcse", 400, "untrained"].item() == 2


def test_without_a_common_seed_a_difference_is_missing(data: StudyData) -> None:
    results = curve(data)
    lost = (results["method"] == "untrained") & (results["seed"] == 0)
    kept = ~lost & ~((results["method"] != "untrained") & (results["seed"] == 1))
    table = curve_differences(results[kept], data)
    gone = table[table["before"] == "untrained"]
    assert gone["value"].isna().all()
    assert (gone["n_seeds"] == 0).all()


def test_a_seed_interval_is_students() -> None:
    # Mean 0.2, standard deviation 0.1, 3 seeds: t(0.975; 2) = 4.302653.
    half = 4.302653 * 0.1 / math.sqrt(3)
    assert seed_interval(np.array([0.1, 0.2, 0.3])) == pytest.approx((0.2 - half, 0.2 + half))
    assert np.isnan(seed_interval(np.array([0.25]))).all()


# --- without training, and over encoders -----------------------------------------------------


def test_what_is_studied_is_held_against_the_tfidf_that_is_best_on_dev(data: StudyData) -> None:
    counting = [
        rows(data, quality, 1, method=method, encoder="none", pooling=None)
        for method, quality in (("tfidf-char", 0.9), ("tfidf-word", 0.1))
    ]
    encoders = [
        rows(data, 0.3, 1, method="untrained", encoder=name, pooling=pooling)
        for name in ("a", "b")
        for pooling in ("cls", "mean")
    ]
    studied = [("a", "cls"), ("b", "cls"), ("b", "mean"), ("b", "pooler")]  # one not measured
    table = baseline_differences(pd.concat([*counting, *encoders]), data, studied)
    test = table[table["split"] == "test"]
    assert list(zip(test["encoder"], test["pooling"], strict=True)) == studied[:3]
    assert set(told(table)) == {("untrained", 0, "tfidf-char", 0)}
    assert set(table["n_seeds"]) == {0}  # nothing here depends on a seed
    assert (table["value"] < 0).all()


def test_encoders_are_compared_singly_together_and_the_last_with_every_method(
    data: StudyData,
) -> None:
    overview = pd.concat(
        [
            rows(data, 0.1, method="untrained", encoder="a"),
            rows(data, 0.5, method="unsup-simcse", encoder="a", n_train=900),
            rows(data, 0.2, method="untrained", encoder="b"),
            rows(data, 0.4, method="unsup-simcse", encoder="b", n_train=900),
            rows(data, 0.1, method="sup-simcse", encoder="b", n_train=16),
            rows(data, 0.9, method="sup-simcse", encoder="b", n_train=300),
        ]
    )
    fitted = pd.concat(
        [
            rows(data, 0.6, method="tfidf-char", encoder="none", pooling=None, n_train=900),
            rows(data, 0.3, method="whitening", encoder="b", n_train=900),
        ]
    )
    table = overview_differences(overview, fitted, data)
    test = table[table["split"] == "test"].reset_index()
    names = zip(test["encoder"], test["before"], strict=True)
    assert list(names) == [
        (MEAN_OF_ENCODERS, "untrained"),
        ("a", "untrained"),
        ("b", "untrained"),
        ("b", "sup-simcse"),
        ("b", "tfidf-char"),
        ("b", "whitening"),
    ]
    assert test["value"][0] == pytest.approx((test["value"][1] + test["value"][2]) / 2)
    wider = max(test["pair_high"][i] - test["pair_low"][i] for i in (1, 2))
    assert test["pair_high"][0] - test["pair_low"][0] < wider
    at_the_end = overview[(overview["split"] == "test") & (overview["n_train"].isin([300, 900]))]
    by_method = at_the_end[at_the_end["encoder"] == "b"].groupby("method")["value"].mean()
    assert test["value"][3] == pytest.approx(by_method["unsup-simcse"] - by_method["sup-simcse"])


# --- leakage and cosines ---------------------------------------------------------------------


def test_pairs_that_share_a_sentence_are_left_out_by_hand(data: StudyData) -> None:
    results = rows(data, 0.5, 1, method="untrained")
    table = without_shared(results, data).set_index("split")
    cosines = unpack_cosines(results.loc[results["split"] == "test", "cosines"].item())
    kept = [i for i in range(N_PAIRS) if i not in (0, 7)]
    expected = spearmanr(cosines[kept], data.test.scores[kept]).statistic
    assert table.loc["test", "kept"] == pytest.approx(expected)
    assert table.loc["test", ["pairs", "kept_pairs"]].tolist() == [60, 58]
    assert table.loc["dev", "change"] == 0.0
    assert table.loc["test", "change"] == pytest.approx(expected - table.loc["test", "all"])


def test_sharing_is_told_at_the_largest_size_alone(data: StudyData) -> None:
    sizes = [rows(data, 0.5, method="sup-simcse", n_train=n) for n in (16, 300)]
    table = without_shared(pd.concat(sizes), data)
    assert table["n_train"].tolist() == [300, 300]  # dev and test


def test_quantiles_of_cosines_are_those_of_each_label_by_hand(data: StudyData) -> None:
    results = ends_of_curve(curve(data))
    table = cosine_quantiles(results, data)
    assert list(dict.fromkeys(table["method"])) == ["untrained", "unsup-simcse"]
    after = table[table["method"] == "unsup-simcse"].set_index("label")
    assert set(after["n_train"]) == {800}  # the last point
    dev = results[(results["split"] == "dev") & (results["method"] == "unsup-simcse")]
    assert set(after["spearman"]) == {dev["value"].item()}
    cosines = unpack_cosines(dev["cosines"].item())
    for label in range(6):
        mine = cosines[data.dev.scores == label]
        row = after.loc[float(label)]
        assert row["n"] == len(mine)
        assert row["q50"] == pytest.approx(np.median(mine))
        assert (row["q05"], row["q95"]) == pytest.approx(tuple(np.quantile(mine, [0.05, 0.95])))


def test_what_counts_and_what_encodes_best_on_dev_are_shown(data: StudyData) -> None:
    results = pd.concat(
        [
            rows(data, 0.2, 1, method="tfidf-char", encoder="none", pooling=None),
            rows(data, 0.6, 1, method="tfidf-word", encoder="none", pooling=None),
            rows(data, 0.1, 1, method="untrained", pooling="cls"),
            rows(data, 0.4, 1, method="untrained", pooling="mean"),
            rows(data, 0.9, 1, method="whitening", pooling="cls"),
        ]
    )
    found = best_of_each(results)
    assert found["method"].tolist() == ["tfidf-word"] * 2 + ["untrained"] * 4  # dev and test
    assert found["pooling"].tolist()[2:] == ["cls", "cls", "mean", "mean"]


def test_where_cls_is_the_best_pooling_it_is_shown_once(data: StudyData) -> None:
    results = [
        rows(data, quality, 1, method="untrained", pooling=pooling)
        for pooling, quality in (("cls", 0.6), ("mean", 0.1))
    ]
    assert best_of_each(pd.concat(results))["pooling"].tolist() == ["cls", "cls"]


def test_cosines_are_shown_of_the_last_encoder_under_each_of_its_poolings(data: StudyData) -> None:
    results = pd.concat(
        [curve(data).assign(encoder=e, pooling=p) for e in ("a", "b") for p in ("cls", "mean")]
    )
    found = ends_of_curve(results)
    assert set(found["encoder"]) == {"b"}
    assert set(found["pooling"]) == {"cls", "mean"}
    assert set(found["n_train"]) == {0, 800}


# --- several objectives, several poolings ----------------------------------------------------


def test_a_second_objective_is_held_against_the_first_and_against_its_own_end(
    data: StudyData,
) -> None:
    more = [rows(data, q, method="esimcse", n_train=n) for n, q in ((50, 0.2), (800, 0.8))]
    found = told(curve_differences(pd.concat([curve(data), *more], ignore_index=True), data))
    assert ("unsup-simcse", 800, "esimcse", 800) in found
    assert ("esimcse", 800, "esimcse", 50) in found
    assert ("esimcse", 50, "untrained", 0) in found
    assert ("esimcse", 800, "unsup-simcse", 800) not in found  # said the other way round


def test_each_pooling_has_differences_of_its_own_and_shares_what_has_none(data: StudyData) -> None:
    counting = rows(data, 0.4, method="tfidf-char", encoder="none", pooling=None, n_train=800)
    averages = rows(data, 0.3, method="idf-mean", pooling="mean", n_train=800)
    both = pd.concat(
        [curve(data), curve(data).assign(pooling="cls"), counting, averages], ignore_index=True
    )
    table = curve_differences(both, data)
    for pooling in ("cls", "mean"):
        mine = told(table[table["pooling"] == pooling])
        assert ("unsup-simcse", 800, "tfidf-char", 800) in mine
        assert ("unsup-simcse", 800, "idf-mean", 800) in mine
        assert len(mine) == len(set(mine)) == 9 + 4


def poolings_of(data: StudyData, **by_encoder: dict[str, float]) -> pd.DataFrame:
    """Untrained rows of encoders: pooling to quality."""
    return pd.concat(
        [
            rows(data, quality, method="untrained", encoder=encoder, pooling=pooling)
            for encoder, mine in by_encoder.items()
            for pooling, quality in mine.items()
        ]
    )


def test_protocols_are_the_poolings_that_all_encoders_have_and_cls_is_first(
    data: StudyData,
) -> None:
    found = protocols(poolings_of(data, a={"mean": 0.1, "cls": 0.9}, b={"mean": 0.2, "cls": 0.1}))
    assert [name for name, _ in found] == ["cls", "mean"]
    assert found[1].pooling == {"a": "mean", "b": "mean"}


def test_where_the_best_pooling_differs_the_last_protocol_is_each_ones_best(
    data: StudyData,
) -> None:
    table = poolings_of(
        data,
        a={"cls": 0.1, "mean": 0.6},
        b={"cls": 0.1, "pooler": 0.7},
        c={"cls": 0.3},  # its [CLS] is its best
    )
    found = protocols(table)
    assert [name for name, _ in found] == ["cls", "best"]
    assert found[1].pooling == {"a": "mean", "b": "pooler", "c": "cls"}
    assert len(found[1].rows(table)) == 3 * 2 * 2  # encoders, splits, seeds


def test_the_mean_of_encoders_along_a_curve_is_the_mean_of_their_differences(
    data: StudyData,
) -> None:
    a = pd.concat(
        [rows(data, 0.1, method="untrained"), rows(data, 0.5, method="unsup-simcse", n_train=50)]
    )
    b = pd.concat(
        [rows(data, 0.3, method="untrained"), rows(data, 0.4, method="unsup-simcse", n_train=50)]
    )
    both = pd.concat([a.assign(encoder="a", pooling="cls"), b.assign(encoder="b", pooling="cls")])
    table = curve_differences(both, data)
    test = table[table["split"] == "test"].set_index("encoder")["value"]
    assert list(test.index) == ["a", "b", MEAN_OF_ENCODERS]
    assert test[MEAN_OF_ENCODERS] == pytest.approx((test["a"] + test["b"]) / 2)


def test_a_single_encoder_has_no_mean_of_encoders(data: StudyData) -> None:
    assert MEAN_OF_ENCODERS not in set(curve_differences(curve(data), data)["encoder"])
    overview = pd.concat(
        [rows(data, 0.1, method="untrained"), rows(data, 0.5, method="unsup-simcse", n_train=9)]
    )
    table = overview_differences(overview, overview.iloc[:0], data)
    assert set(table["encoder"]) == {"tiny"}


def test_the_mean_of_encoders_is_told_of_what_is_trained_alone(data: StudyData) -> None:
    both = pd.concat([curve(data).assign(encoder=name) for name in ("a", "b")])
    table = curve_differences(both, data)
    mean = table[table["encoder"] == MEAN_OF_ENCODERS]
    assert set(mean["after_kind"]) == {"trained"}  # nothing fitted


# --- every method at the same sizes ----------------------------------------------------------


def sized(method: str, n: int, values: list[float], **columns: object) -> pd.DataFrame:
    fixed = {"method": method, "kind": KINDS.get(method, "fitted"), "n_train": n, "dataset": "d"}
    fixed |= {"encoder": "tiny", "pooling": "cls", "split": "test", "metric": "spearman"}
    own = {"value": values, "seed": range(len(values)), "ci_low": 0.1, "ci_high": 0.9}
    table = pd.DataFrame({**own}).assign(**{**fixed, **columns})
    # Another metric, far off, that must not be read.
    return pd.concat([table, table.assign(metric="uniformity", value=-7.0)], ignore_index=True)


SMALL = pd.concat(
    [
        sized("untrained", 0, [0.3, 0.3]),
        sized("unsup-simcse", 50, [0.4, 0.5]),
        sized("unsup-simcse", 200, [0.5, 0.5]),
        sized("tfidf-char", 50, [0.6, 0.8], encoder="none", pooling=None),
    ]
)
LARGE = pd.concat(
    [
        sized("untrained", 0, [0.3]),
        sized("unsup-simcse", 200, [0.9]),
        sized("unsup-simcse", 5000, [0.6]),
        sized("unsup-simcse", 9000, [0.9]),
    ]
)
OVERVIEW = pd.concat(
    [
        sized("untrained", 0, [0.3]),
        sized("unsup-simcse", 200, [0.9]),
        sized("unsup-simcse", 9000, [0.7, 0.72]),
        sized("unsup-simcse", 9000, [0.99], encoder="other"),
        sized("sup-simcse", 16, [0.45]),  # 48 sentences
        sized("sup-simcse", 3000, [0.8]),
        sized("sup-simcse", 3000, [0.99], encoder="other"),
    ]
)


def test_methods_are_compared_at_the_nearest_size_measured() -> None:
    found = same_sizes(SMALL, LARGE, OVERVIEW, [60, 10000]).set_index(["n_sentences", "method"])
    assert found.index.tolist() == [
        (50, "untrained"),
        (50, "unsup-simcse"),
        (50, "tfidf-char"),
        (50, "sup-simcse"),
        (9000, "untrained"),
        (9000, "unsup-simcse"),
        (9000, "sup-simcse"),
    ]
    trained = found.loc[(50, "unsup-simcse")]
    assert trained[["mean", "min", "max", "n_seeds"]].tolist() == [0.45, 0.4, 0.5, 2]
    assert found.loc[(9000, "sup-simcse"), ["mean", "kind"]].tolist() == [0.8, "labelled"]
    assert trained[["pair_low", "pair_high"]].tolist() == pytest.approx([0.1, 0.9])


def test_what_draws_from_the_small_samples_pool_wins_and_a_size_stands_once() -> None:
    found = same_sizes(SMALL, LARGE, OVERVIEW, [200, 210, 4000, 10000])
    trained = found[found["method"] == "unsup-simcse"]
    assert trained[["n_sentences", "mean", "n_seeds"]].to_numpy().tolist() == [
        [200, 0.5, 2],
        [5000, 0.6, 1],
        [9000, 0.71, 2],
    ]
