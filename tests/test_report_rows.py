from __future__ import annotations

import pandas as pd
import pytest
from report_frames import both, curve, rows

from simcse_core.config import Kind
from simcse_core.report.rows import (
    Facet,
    at_last,
    best_on_dev,
    cls_first,
    facet_titles,
    facets,
    of_kind,
    trained_methods,
)


def joined(*frames: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True)


CLS, MEAN = curve(pooling="cls"), curve(pooling="mean")
TFIDF = both(0.5, 0.5, method="tfidf-char", encoder="none", pooling=None, n_train=20)
IDF = both(0.4, 0.4, method="idf-mean", pooling="mean", n_train=20)


def methods(rows: pd.DataFrame) -> set[tuple[str, object]]:
    both = zip(rows["method"], rows["pooling"], strict=True)
    return {(m, p if isinstance(p, str) else None) for m, p in both}


def test_rows_are_asked_for_by_kind_whatever_the_method_is_called() -> None:
    table = joined(CLS, TFIDF)
    assert set(of_kind(table, Kind.FITTED)["method"]) == {"whitening", "tfidf-char"}
    renamed = table.replace({"method": {"unsup-simcse": "another"}})
    assert trained_methods(renamed) == ["another"]


def test_the_first_trained_method_of_the_rows_is_the_studied_one() -> None:
    other = rows("dev", 0.5, method="esimcse", n_train=20)
    assert trained_methods(joined(CLS, other)) == ["unsup-simcse", "esimcse"]
    assert trained_methods(joined(other, CLS)) == ["esimcse", "unsup-simcse"]


def test_cls_comes_first_and_other_poolings_as_they_come() -> None:
    assert cls_first(["mean", "pooler", "cls", "mean"]) == ["cls", "mean", "pooler"]


def test_a_frame_of_one_protocol_is_one_facet_with_every_row() -> None:
    found = facets(joined(CLS, TFIDF, IDF))
    assert list(found) == [Facet("tiny", "cls")]
    assert len(found[Facet("tiny", "cls")]) == len(CLS) + len(TFIDF) + len(IDF)


def test_each_protocol_has_its_own_rows_and_those_without_an_encoder() -> None:
    found = facets(joined(MEAN, CLS, TFIDF))
    assert list(found) == [Facet("tiny", "cls"), Facet("tiny", "mean")]
    trained = [("untrained", "cls"), ("unsup-simcse", "cls"), ("whitening", "cls")]
    assert methods(found[Facet("tiny", "cls")]) == {*trained, ("tfidf-char", None)}


def test_what_is_fitted_under_another_pooling_alone_stands_in_every_facet_of_its_encoder() -> None:
    found = facets(joined(CLS, MEAN, IDF, curve(encoder="other")))
    assert ("idf-mean", "mean") in methods(found[Facet("tiny", "cls")])
    assert ("idf-mean", "mean") in methods(found[Facet("tiny", "mean")])
    assert ("idf-mean", "mean") not in methods(found[Facet("other", "cls")])


def test_an_encoder_that_is_trained_nowhere_stands_in_every_facet() -> None:
    made = both(0.8, 0.8, method="untrained", encoder="e5", pooling="mean").assign(
        method="ready-made", kind="ready-made"
    )
    for part in facets(joined(CLS, MEAN, made)).values():
        assert ("ready-made:0:e5", "mean") in methods(part)


def test_a_mean_over_encoders_or_poolings_is_refused() -> None:
    flm = both(0.4, 0.4, method="idf-mean", pooling="first-last-mean", n_train=20)
    with pytest.raises(ValueError, match=r"'idf-mean': rows of several .*tiny, mean; tiny, first"):
        facets(joined(CLS, IDF, flm))


def test_a_frame_without_encoder_and_pooling_is_one_facet() -> None:
    table = CLS.drop(columns=["encoder", "pooling"])
    assert [len(part) for part in facets(table).values()] == [len(table)]


def test_a_title_says_what_tells_facets_apart_and_no_more() -> None:
    one, two = Facet("tiny", "cls"), Facet("tiny", "mean")
    assert facet_titles([one]) == {one: ""}
    assert facet_titles([one, two]) == {one: "[CLS]", two: "mean"}
    other = Facet("other", "mean")
    assert facet_titles([one, other])[other] == "other, mean"


@pytest.mark.parametrize(
    ("untrained", "trained", "best"),
    [(0.3, [0.4, 0.5, 0.45], 20.0), (0.6, [0.4, 0.5, 0.45], 0.0), (0.5, [0.4, 0.5, 0.5], 0.0)],
)
def test_the_best_point_on_dev_is_the_earliest_highest_of_all_not_to_train_included(
    untrained: float, trained: list[float], best: float
) -> None:
    points = [
        rows("dev", value, method="unsup-simcse", n_train=n)
        for n, value in zip((1, 20, 800), trained, strict=True)
    ]
    off = rows("test", 0.9, method="unsup-simcse", n_train=800)
    table = joined(rows("dev", untrained, method="untrained"), off, *points)
    assert best_on_dev(table, "unsup-simcse", "n_train") == best


def test_without_a_value_on_dev_there_is_no_best_point() -> None:
    table = CLS[CLS["split"] == "test"]
    assert best_on_dev(table, "unsup-simcse", "n_train") is None


def test_the_last_size_is_that_of_each_method() -> None:
    table = joined(CLS, TFIDF, rows("dev", 0.1, method="sup-simcse", n_train=5))
    last = at_last(table).groupby("method")["n_train"].max().to_dict()
    assert last == {
        "untrained": 0,
        "unsup-simcse": 800,
        "whitening": 800,
        "tfidf-char": 20,
        "sup-simcse": 5,
    }
