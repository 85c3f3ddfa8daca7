from __future__ import annotations

import re

import pandas as pd
import pytest
from report_frames import baselines, both, joined, rows
from test_report_tables import CURVE, NAN, broken, protocols

from simcse_core.report.prose import tell_baselines, tell_comparison, tell_curve

LOWERED = joined(
    both(0.7, 0.6, method="untrained"),
    both(0.6, 0.55, method="unsup-simcse", n_train=50),
    both(0.65, 0.5, method="unsup-simcse", n_train=400),
)


# --- baselines -------------------------------------------------------------------------------


def test_baselines_are_chosen_on_dev_and_reported_on_test() -> None:
    # On test tfidf-word and whitened [CLS] would be best; dev says otherwise.
    said = tell_baselines(baselines())
    assert "Without an encoder, TF-IDF (characters) does best: **0.510**." in said
    assert "[CLS] vectors of untrained encoders score 0.220 to 0.310" in said
    assert "best pooling of an untrained encoder scores 0.440 (tiny, mean)" in said
    assert "IDF-weighted mean reaches 0.460 (tiny, mean)" in said
    assert "Whitening reaches 0.490 [0.480, 0.500] (tiny, mean)" in said


def test_what_was_not_measured_has_no_sentence() -> None:
    table = baselines()
    said = tell_baselines(table[table["kind"] == "untrained"])
    assert "Without an encoder" not in said
    assert "Whitening" not in said
    assert "[CLS] vectors" in said


def test_a_ready_made_encoder_has_a_sentence_of_its_own() -> None:
    made = both(0.8, 0.77, encoder="e5", pooling="mean", method="untrained").assign(
        kind="ready-made"
    )
    said = tell_baselines(joined(baselines(), made))
    assert "The best ready-made encoder scores 0.770 (e5, mean)." in said
    assert "best pooling of an untrained encoder scores 0.440" in said


# --- curves ----------------------------------------------------------------------------------


def test_a_curve_is_told_at_its_first_middle_and_last_point_on_test() -> None:
    said = tell_curve(CURVE, "n_train")
    assert "the untrained encoder scores 0.300" in said
    assert "0.410 [0.400, 0.420] at 50 sentences" in said
    assert "0.520 [0.500, 0.540] at 400 sentences" in said
    assert "0.520 [0.510, 0.530] at 1,200 sentences" in said
    assert "2 seeds" in said


def test_the_point_is_chosen_on_dev_and_reported_on_test() -> None:
    # On dev 400 sentences are best (0.61); the test scores choose nothing.
    said = tell_curve(CURVE, "n_train")
    assert "dev score is highest at 400 sentences, where the test score is 0.520" in said


def test_what_training_raised_or_lowered_is_said_in_words() -> None:
    assert "At 1,200 sentences, unsupervised SimCSE raised the score by 0.220." in tell_curve(
        CURVE, "n_train"
    )
    said = tell_curve(LOWERED, "n_train")
    assert "At 400 sentences, unsupervised SimCSE lowered the score by 0.100." in said


def test_a_change_below_the_last_digit_is_no_change() -> None:
    same = joined(
        both(0.3, 0.3, method="untrained"),
        both(0.3, 0.3004, method="unsup-simcse", n_train=50),
    )
    assert "unsupervised SimCSE left the score as it was" in tell_curve(same, "n_train")


def test_not_to_train_is_a_choice_on_dev() -> None:
    said = tell_curve(LOWERED, "n_train")
    assert "no point of training beats the untrained encoder" in said
    assert "not to train, which scores 0.600 on test" in said


def test_one_seed_is_told_without_a_range() -> None:
    said = tell_curve(CURVE[CURVE["seed"] == 0], "n_train")
    assert "it scores 0.400 at 50 sentences, " in said
    assert "(1 seed)" in said


def test_a_curve_over_epochs_speaks_of_epochs() -> None:
    epochs = joined(
        both(0.3, 0.3, method="untrained"),
        both(0.7, 0.4, method="unsup-simcse", n_train=100, epoch=1.0),
        both(0.6, 0.5, method="unsup-simcse", n_train=100, epoch=2.0),
    )
    said = tell_curve(epochs, "epoch")
    assert "0.500 at 2 epochs" in said
    assert "dev score is highest at 1 epoch, where the test score is 0.400" in said


def test_a_curve_tells_what_is_fitted_to_as_many_sentences() -> None:
    fitted = [rows("test", v, method="whitening", n_train=n) for n, v in ((50, 0.1), (1200, 0.45))]
    said = tell_curve(joined(CURVE, *fitted), "n_train")
    assert said.endswith("Fitted to the same 1,200 sentences, without training: whitening 0.450.")


def test_nothing_that_was_trained_is_told_as_without_training() -> None:
    others = [
        both(0.5, 0.46, method="esimcse", n_train=1200),
        both(0.5, 0.47, method="sup-simcse", n_train=1200),
        both(0.5, 0.45, method="whitening", n_train=1200),
    ]
    said = tell_curve(joined(CURVE, *others), "n_train")
    assert said.endswith(
        "without training: whitening 0.450. Trained with labels: supervised SimCSE 0.470."
    )
    assert said.count("without training") == 1
    assert "After ESimCSE it scores 0.460 at 1,200 sentences" in said


def test_each_pooling_has_a_paragraph_of_which_cls_is_the_first() -> None:
    paragraphs = tell_curve(protocols(CURVE), "n_train").split("\n\n")
    assert [text.partition(": ")[0] for text in paragraphs] == ["**[CLS]**", "**mean**"]
    assert "untrained encoder scores 0.200" in paragraphs[0]
    assert "untrained encoder scores 0.300" in paragraphs[1]


def test_a_missing_point_is_told_with_its_reason() -> None:
    curve = joined(both(0.3, 0.3, method="untrained"), broken([0.4], 50), broken([NAN], 400))
    assert "missing: the loss is nan at step 2 at 400 sentences" in tell_curve(curve, "n_train")


# --- before and after ------------------------------------------------------------------------


def test_a_comparison_has_a_line_for_each_encoder() -> None:
    said = tell_comparison(
        joined(
            rows("test", [0.3, 0.3], method="untrained"),
            rows("test", [0.5, 0.6], method="unsup-simcse"),
            rows("test", [0.1, 0.2], method="sup-simcse", n_train=16),
            rows("test", [0.7, 0.7], method="sup-simcse", n_train=300),
            rows("test", 0.4, method="untrained", encoder="other"),
            rows("test", 0.2, method="unsup-simcse", encoder="other"),
        )
    )
    assert said.splitlines()[2:] == [
        "- tiny: 0.300 untrained, raised to 0.550 [0.500, 0.600] by unsupervised SimCSE (+0.250), "
        "0.700 after supervised SimCSE",
        "- other: 0.400 untrained, lowered to 0.200 by unsupervised SimCSE (-0.200)",
    ]


def test_a_comparison_of_two_poolings_says_which() -> None:
    table = both(0.3, 0.3, method="untrained")
    lines = tell_comparison(protocols(table)).splitlines()[2:]
    assert lines == ["- tiny, [CLS]: 0.200 untrained", "- tiny, mean: 0.300 untrained"]


def test_an_encoder_whose_training_broke_down_has_no_change_to_tell() -> None:
    table = joined(both(0.3, 0.3, method="untrained"), broken([NAN], 50))
    assert tell_comparison(table).splitlines()[2] == (
        "- tiny: 0.300 untrained, missing: the loss is nan at step 2 after unsupervised SimCSE"
    )


# --- language --------------------------------------------------------------------------------

ALL = {
    "baselines": lambda language: tell_baselines(baselines(), language=language),
    "curve": lambda language: tell_curve(CURVE, "n_train", language=language),
    "lowered": lambda language: tell_curve(LOWERED, "n_train", language=language),
    "comparison": lambda language: tell_comparison(CURVE, language=language),
}


@pytest.mark.parametrize("name", ALL)
def test_chinese_prose_cites_the_same_numbers_as_english(name: str) -> None:
    numbers = [re.findall(r"\d\.\d{3}", ALL[name](language)) for language in ("en", "zh")]
    assert sorted(numbers[0]) == sorted(numbers[1])
    assert numbers[0]


@pytest.mark.parametrize("name", ALL)
def test_chinese_prose_has_no_english_but_names(name: str) -> None:
    names = {"SimCSE", "CLS", "TF", "IDF", "Spearman", "tiny", "other"}
    assert set(re.findall(r"[A-Za-z]+", ALL[name]("zh"))) <= names


@pytest.mark.parametrize("name", ALL)
def test_english_prose_is_plain(name: str) -> None:
    said = ALL[name]("en")
    assert not re.search("told on|chooses nothing|buy|unsup-simcse|n_train", said)


def test_another_language_is_refused() -> None:
    with pytest.raises((ValueError, KeyError), match="fr"):
        tell_curve(pd.DataFrame(CURVE), "n_train", language="fr")
