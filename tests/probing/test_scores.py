"""What each score sees, and that the list of scores is all there is to change for a new one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace

import pytest

from job.probing import scores
from job.probing.kinds import Kind
from job.probing.scores import SCORES, Asked, Score, broken, repetition, score, scores_of
from tests.conftest import PROJECT

pytestmark = pytest.mark.light

REFERENCE = "Roots need air, so that a pot without holes harms them. Pour the water off that stands in the saucer."
LOOP = "Water it well in the morning. " * 20


@dataclass(frozen=True)
class Answer:
    """As in job/modeling/generation.py, which needs torch."""

    text: str
    tokens: int = 20
    stopped: bool = True


def asked(text: str, *, stopped: bool = True, reference: str = REFERENCE, question: str = "Why do roots rot?") -> Asked:
    return Asked(question, reference, Answer(text, len(text.split()), stopped), len(reference.split()))


def of(name: str, one: Asked) -> float | None:
    return scores_of(one).get(name)


@pytest.mark.parametrize("text", ["", " \n", "...", "- \n- \n", "🌿"])
def test_an_answer_without_a_letter_is_empty(text: str) -> None:
    assert of("empty_share", asked(text)) == 1
    assert broken(asked(text))
    assert of("opening_filler_share", asked("")) is None


@pytest.mark.parametrize("text", ["4", "Yes.", "是", REFERENCE])
def test_a_short_answer_is_not_empty(text: str) -> None:
    assert of("empty_share", asked(text, reference=text)) == 0
    assert not broken(asked(text, reference=text))


@pytest.mark.parametrize(
    ("one", "is_broken"),
    [
        (asked(LOOP), True),
        (asked(LOOP, stopped=False), True),
        (asked("Why do roots rot?"), True),
        (asked(REFERENCE * 3, stopped=False), True),
        (asked("Roots need air. Roots need water. They need both, " * 4, stopped=False, reference=""), True),
        (
            asked(
                "Cold, heat and salt harm them too, and so does a pot that is too large, since its soil", stopped=False
            ),
            False,
        ),
        (asked("Cold, heat and salt harm them too, and a pot that is too large.", stopped=False, reference=""), False),
        (asked("Hello! Thanks for your question. They need air. Regards"), False),
        (
            asked(REFERENCE + " Cut what is brown, and wait until the soil is dry before you water the plant again."),
            False,
        ),
    ],
)
def test_a_broken_answer_is_one_that_nobody_could_use(one: Asked, is_broken: bool) -> None:
    assert broken(one) is is_broken


def test_what_the_base_does_as_well_is_of_no_use_all_the_same() -> None:
    german = asked(
        "Die Wurzeln brauchen Luft, und ein Topf ohne Loch schadet ihnen. Gieße das Wasser aus der Schale ab. " * 2
    )
    german = replace(german, reference=REFERENCE * 2)
    assert of("same_language_share", german) == 0
    assert broken(german)
    assert broken(replace(asked(REFERENCE), language_kept=None, said_elsewhere=True))
    assert broken(asked("They need air.\nUser: And leaves?"))
    half = asked("Roots need air, so that a pot without holes harms them. Pour the water off that")
    assert not broken(half)
    assert broken(replace(half, with_stop=True))


def test_an_answer_that_the_limit_cut_off_on_its_way_is_not_endless() -> None:
    long = "Roots take up water, and leaves give it off. " + REFERENCE
    assert not broken(asked(long[:150], stopped=False))
    assert broken(asked(long + long, stopped=False))


@pytest.mark.parametrize(
    ("one", "stops"),
    [
        (asked("Roots need air, so that a", stopped=False), None),  # on its way
        (asked(f"{REFERENCE} So", stopped=False), 0),  # longer than the reference, and not at its end
        (asked("air " * 15, stopped=False), 0),  # a loop goes nowhere
        (
            Asked("How?", "def water(pot): return pot.dry", Answer("\ufffd//d", 96, False), 58),
            0,
        ),  # few words, many tokens
        (asked("Roots need air, so that a", stopped=False, reference=""), 0),
        (asked("Roots need air."), 1),
    ],
)
def test_a_limit_below_the_reference_is_no_fault_of_the_answer(one: Asked, stops: float | None) -> None:
    assert of("stopped_share", one) == stops


@pytest.mark.parametrize(
    ("tokens", "of_reference", "stops", "is_broken"),
    [
        (20, 20, None, False),
        (21, 20, 0, False),
        (30, 20, 0, False),
        (31, 20, 0, True),
        (22, 5, 0, False),
        (23, 5, 0, True),
    ],
)
def test_where_an_answer_without_its_end_is_late_and_where_it_is_endless(
    tokens: int, of_reference: int, stops: float | None, is_broken: bool
) -> None:
    one = Asked("Why?", REFERENCE, Answer("Roots need air, so", tokens, False), of_reference)
    assert (of("stopped_share", one), broken(one)) == (stops, is_broken)


@pytest.mark.parametrize(
    ("length", "of_reference", "other"),
    [(3, 10, 1), (4, 10, 0), (2, 9, 0), (30, 10, 0), (31, 10, 1), (30, 1, 0), (31, 1, 1), (36, 12, 0), (37, 12, 1)],
)
def test_where_a_length_is_another(length: int, of_reference: int, other: float) -> None:
    answer, reference = (" ".join(f"word{number}" for number in range(count)) for count in (length, of_reference))
    assert of("other_length_share", asked(answer, reference=reference)) == other


def test_an_answer_without_its_end_has_no_length_and_closes_with_nothing() -> None:
    one = asked("Roots need air", stopped=False)
    assert [of(name, one) for name in ("other_length_share", "closing_filler_share")] == [None, None]
    assert of("opening_filler_share", one) == 0


@pytest.mark.parametrize(
    ("text", "reference", "other"),
    [
        ("They need air.", REFERENCE, 1),
        (REFERENCE, REFERENCE, 0),
        (f"{REFERENCE} {REFERENCE}", REFERENCE, 0),
        (" ".join([REFERENCE] * 4), REFERENCE, 1),
        ("Yes.", "Yes, it is.", 0),
        ("Yes, since roots need air as well as water.", "Yes.", 0),
        (" ".join([REFERENCE] * 2), "Yes.", 1),
        ("根需要空气，所以没有孔的花盆对它们有害。", "根需要空气，没有孔的花盆会伤害它们。", 0),
        ("是。", "根需要空气，没有孔的花盆会伤害它们。请倒掉托盘里的水。", 1),
        (REFERENCE, "", None),
    ],
)
def test_length_is_compared_with_the_reference(text: str, reference: str, other: float | None) -> None:
    assert of("other_length_share", asked(text, reference=reference)) == other


def test_a_loop_that_the_reference_has_itself_is_wanted() -> None:
    exercise = "Breathe in for four seconds. Breathe out for four seconds. " * 6
    assert of("looping_share", asked(exercise)) == 1
    assert of("looping_share", asked(exercise, reference=exercise)) is None
    assert not broken(asked(exercise, reference=exercise))
    assert of("looping_share", asked(REFERENCE, reference=exercise)) == 0
    endless = asked(exercise * 3, reference=exercise, stopped=False)
    assert broken(endless)
    assert of("stopped_share", endless) == 0


def test_filler_that_the_reference_has_itself_is_wanted() -> None:
    polite = f"Hello, {REFERENCE} Best regards"
    both = ("opening_filler_share", "closing_filler_share")
    assert [of(name, asked(polite)) for name in both] == [1, 1]
    assert [of(name, asked(polite, reference="")) for name in both] == [1, 1]
    assert [of(name, asked(polite, reference=polite)) for name in both] == [None, None]


@pytest.mark.parametrize(
    ("text", "other", "right"),
    [("Pests.", 0, 1), ("light", 0, 0), ("fff", 1, 0), ("It may be pests.", 1, 0), ("", 1, 0)],
)
def test_where_references_are_a_few_texts_an_answer_is_one_of_them(text: str, other: float, right: float) -> None:
    one = replace(asked(text, reference="pests"), kind=Kind(texts=frozenset(("pests", "light"))))
    assert [of(name, one) for name in ("other_kind_share", "right_share")] == [other, right]
    assert broken(one) == bool(other)


def test_json_that_cannot_be_read_is_of_another_kind_unless_the_limit_cut_it() -> None:
    one = replace(asked('""plant": "ivy"}', reference='{"plant": "ivy"}'), kind=Kind(json=frozenset((dict,))))
    assert [of(name, one) for name in ("other_kind_share", "right_share", "broken_share")] == [1, 0, 1]
    cut = replace(one, answer=Answer('{"plant', 2, stopped=False))
    assert [of(name, cut) for name in ("other_kind_share", "right_share", "broken_share")] == [None, None, 0]


def test_answers_in_words_have_no_kind() -> None:
    assert of("other_kind_share", asked("fff")) is None
    unasked = replace(asked("fff", reference=""), kind=Kind(texts=frozenset(("pests",))))
    assert of("other_kind_share", unasked) is None


def test_repetition_is_zero_for_prose_and_near_one_for_a_loop() -> None:
    assert repetition("Roots need air and water, and in winter they need rest.") == 0
    assert repetition("water it well " * 50) > 0.9
    assert repetition("a b c d A B C D") == pytest.approx(1 - 4 / 5)  # five 4-grams, one of them twice, in any case


def test_scores_are_means_over_the_answers_to_which_they_apply() -> None:
    answers = [
        Asked("Why?", "", Answer("Hello, the roots of a fern need air.", 6), 0),
        Asked("Why?", REFERENCE, Answer("Air. Regards", 5), 20),
    ]
    found = score([scores_of(one) for one in answers])
    assert found == {
        "answers": 2,
        "stopped_share": 1.0,
        "looping_share": 0.0,
        "empty_share": 0.0,
        "bad_end_share": 0.0,
        "copied_share": 0.0,
        "opening_filler_share": 0.5,
        "closing_filler_share": 0.5,
        "other_length_share": 1.0,  # of one
        "repetition_share": 0.0,
        "broken_share": 0.0,
        "mean_tokens": 5.5,
    }


def test_a_score_that_applies_to_no_answer_is_left_out() -> None:
    assert score([]) == {"answers": 0}
    assert "other_length_share" not in score([scores_of(asked("Air.", reference=""))])


def test_a_new_score_is_in_every_result(monkeypatch: pytest.MonkeyPatch) -> None:
    shouts = Score(
        "shouted_share", "is shouted", unit="share", better="lower", of=lambda one: one.answer.text.isupper()
    )
    monkeypatch.setattr(scores, "SCORES", (*SCORES, shouts))
    found = score([scores_of(asked("AIR AND WATER.")), scores_of(asked("Air and water."))])
    assert list(found)[-1] == "shouted_share"
    assert found["shouted_share"] == 0.5


def test_names_are_unique_and_shares_say_so() -> None:
    assert len({known.name for known in SCORES}) == len(SCORES)
    assert all((known.unit == "share") == known.name.endswith("_share") for known in SCORES)


def test_guardrails_are_shares_that_are_better_in_one_direction() -> None:
    guardrails = [known for known in SCORES if known.margin]
    assert len(guardrails) == 12
    assert all(known.unit == "share" and known.better != "neither" and known.margin > 0 for known in guardrails)


def test_the_scores_need_no_model_library() -> None:
    code = "import sys, job.probing.scores as s; print([m for m in ('torch', 'transformers', 'py3langid') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
