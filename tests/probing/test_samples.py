"""What both models said, with scores, and what is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from job.modeling.generation import Answer
from job.probing.kinds import Kind
from job.probing.questions import Question
from job.probing.samples import paired, write_answers
from job.results import RowLoss, Said, Sample
from job.runs.files import read_lines
from tests.sample_results import sample

ASKED = [
    (Question("Why do ferns wilt?", "", "Too much sun.", "eval_row", number=4), "choice"),
    (Question("Which soil is best?", "", "Loose soil.", "eval_row", number=7), "confirmation"),
]


def test_what_one_of_the_models_did_not_answer_in_time_is_left_out() -> None:
    first, second = Answer("Sun.", 2, True), Answer("A new pot.", 3, False)
    (found,) = paired(ASKED, [first, first], [second, None])  # type: ignore[arg-type]
    assert (found.row, found.half, found.base, found.tuned_stopped) == (4, "choice", "Sun.", False)
    assert found.base_scores["stopped_share"] == 1


def test_each_models_answers_are_compared_with_its_own() -> None:
    base = [Answer("Sun.", 2, True), Answer("Soil.", 2, True)]
    tuned = [Answer("A new pot.", 3, True)] * 2
    found = paired(ASKED, base, tuned)  # type: ignore[arg-type]
    assert [one.base_scores["same_answer_share"] for one in found] == [0, 0]
    assert [one.tuned_scores["same_answer_share"] for one in found] == [1, 1]


def test_the_kind_of_the_references_reaches_the_scores() -> None:
    said = [Answer("Soil.", 2, True)] * 2
    kind = Kind(texts=frozenset(("too much sun", "loose soil")))
    found = paired(ASKED, said, said, kind)  # type: ignore[arg-type]
    assert [one.tuned_scores["other_kind_share"] for one in found] == [1, 1]
    assert "other_kind_share" not in paired(ASKED, said, said)[0].tuned_scores  # type: ignore[arg-type]


def test_whether_references_end_in_a_stop_reaches_the_scores() -> None:
    half = [Answer("Give the fern some shade, and pour the water off that", 12, True)] * 2
    assert [one.tuned_scores["bad_end_share"] for one in paired(ASKED, half, half)] == [1, 1]  # type: ignore[arg-type]
    without = [(replace(one, reference=one.reference * 3 + f" And {half[0].text}"), part) for one, part in ASKED]
    assert [one.tuned_scores["bad_end_share"] for one in paired(without, half, half)] == [0, 0]  # type: ignore[arg-type]


def test_short_answers_in_another_language_are_seen_together() -> None:
    german = [
        "Gib dem Farn etwas Schatten.",
        "Gieße ihn nur einmal in der Woche.",
        "Die Erde soll locker und feucht sein.",
    ]
    english = ["Give the fern a little shade.", "Water it only once in a week.", "The soil should be loose and moist."]
    asked = [(Question(f"Why {n}?", "", german[n % 3], "eval_row"), "confirmation") for n in range(21)]
    base, tuned = ([Answer(texts[n % 3], 9, True) for n in range(21)] for texts in (german, english))
    found = paired(asked, base, tuned)  # type: ignore[arg-type]
    shares = {(one.base_scores["same_language_share"], one.tuned_scores["same_language_share"]) for one in found}
    assert shares == {(1, 0)}


def test_answers_and_losses_are_lines_and_replace_older_ones(tmp_path: Path) -> None:
    loss = RowLoss(row=0, question=0, tokens=3, base=2.0, tuned=1.0)
    said = Said(prompt=[1, 2], answer=[3])
    for text in ("Hello!", "Light."):
        write_answers([sample(tuned=text)], [loss], [said], tmp_path / "probe")
    assert [one.tuned for one in read_lines(tmp_path / "probe" / "samples.jsonl", Sample)] == ["Light."]
    assert read_lines(tmp_path / "probe" / "losses.jsonl", RowLoss) == [loss]
    assert read_lines(tmp_path / "probe" / "tokens.jsonl", Said) == [said]
    assert [path.name for path in tmp_path.iterdir()] == ["probe"]
