"""What the page says and marks, section by section; and that it is safe to open."""

from __future__ import annotations

import re

import pytest

from job.results import Failure, MaskedRow, Metrics
from tests.reporting.pages import Tags, cleaning, page_of, text_of
from tests.sample_results import (
    CLEANED,
    DONE,
    LOG,
    LOSSES,
    MODEL_REPO,
    PROBED,
    PUSHED,
    SAMPLES,
    TRAINED,
    metrics,
    rule,
    sample,
)

LITTLE = metrics(probe=PROBED.model_copy(update={"forgetting": None, "likeness": {}, "candidates": []}))


def test_the_packs_of_a_source_stand_with_their_evidence() -> None:
    text = text_of(cleaning())
    assert "a/b@main:train qa-forum on 912 of 1,000 20 % Hello" in text
    assert "wiki off 2 of 1,000 1.0 % [[moss]]" in text
    assert "contacts off no row with a question 0.5 %" in text


def test_rules_stand_in_their_order_with_what_each_did() -> None:
    text = text_of(cleaning())
    rows = [
        "empty 12,000 0 7 0 question or answer is empty",
        "opening passed by 14 rows in other languages 11,993 5,210 0 88,231 greetings and thanks at the beginning 2 examples",
        "own rule please_vote 11,993 31 0 620 from FINETUNE_DATA_RULES_FILE 1 example",
        "phone 11,993 17 0 204 phone numbers; counted, never quoted own rule",
        "own rule price_list 11,993 0 3 0",
        "short answer 11,990 0 540 0 fewer words than FINETUNE_DATA_MIN_ANSWER_WORDS",
    ]
    places = [text.index(row) for row in rows]
    assert places == sorted(places)
    assert "rule seen changed dropped characters removed" in text


def test_examples_are_folded_and_show_what_differs() -> None:
    page = cleaning()
    begin = page.index("<summary>2 examples</summary>")
    folded = page[begin : page.index("</details>", begin)]
    assert "<del>Hi! </del>Water it.</div>" in folded
    assert "<del>Hey, </del>mist it.</div>" in folded
    assert page[:begin].endswith('<details class="folded">')


def test_contact_data_is_counted_and_never_quoted() -> None:
    seen = rule(9, changed=1, characters_removed=8, examples=[("call 555 now", "now")])
    found = dict.fromkeys(("email", "link", "phone", "signature", "own_name"), seen)
    page = cleaning(rules=found)
    assert "555" not in page
    text = text_of(page)
    assert "Contact data is counted and never quoted (email, link, phone, signature, own name); in examples" in text
    assert text.count("; counted, never quoted") == 5


@pytest.mark.parametrize(
    ("questions", "eval_rows", "said"),
    [
        (10, 20, "30 answers from each model: to 10 fixed questions and to the questions of 20 evaluation rows."),
        (0, 4, "4 answers from each model: to the questions of 4 evaluation rows."),
        (1, 0, "1 answer from each model: to 1 fixed question."),
    ],
)
def test_the_answers_say_whose_questions_they_are_to(questions: int, eval_rows: int, said: str) -> None:
    probe = PROBED.model_copy(update={"questions": questions, "eval_rows": eval_rows})
    assert said in text_of(page_of(metrics(probe=probe)))


def test_tokens_of_plain_texts_are_not_said_to_be_in_answers() -> None:
    said = {0: "in answers (", 10: "in answers and plain texts (", 9_450: "of them in plain texts ("}
    for texts, words in said.items():
        assert words in text_of(cleaning(texts=texts))


def test_leaked_rows_and_near_duplicates_are_counted() -> None:
    text = text_of(cleaning())
    assert "would have leaked 36 of 1,200 evaluation rows (3.0 %) into training" in text
    assert "the same question, or near duplicates. The split of this run keeps such rows on one side" in text
    assert "214 groups of rows that say almost the same; each is kept on one side of the split." in text
    assert "leaked none of 1,200 evaluation rows" in text_of(cleaning(plain_split_leaked_rows=0))
    one = text_of(cleaning({"data": {"near_duplicates": "drop"}}, near_duplicate_groups=1))
    assert "1 group of rows that say almost the same; the first row of each was kept." in one
    off = text_of(cleaning({"data": {"near_duplicates": "off"}}))
    assert "Near duplicates were not searched for." in off
    assert "or near duplicates" not in off
    leaking = text_of(cleaning(split_leaked_rows=2))
    assert "The split of this run leaks 2 of 450 because no set of such rows is small enough" in leaking
    assert "none is leaked" not in leaking


def test_repeated_sentences_are_listed_with_what_was_done() -> None:
    text = text_of(cleaning())
    assert "Repeated sentences" in text
    assert "None was removed; FINETUNE_DATA_REPEATED=cut would remove from answers those that can be cut." in text
    assert "See you at the nursery! answer end a/b@main:train 1,140 11 % can be cut" in text
    one = CLEANED.repeated[0].model_copy(update={"fate": "cut"})
    cut = text_of(cleaning({"data": {"repeated": "cut"}}, repeated=[one]))
    assert "Those marked as cut were removed from answers." in cut
    assert "1,140 11 % cut" in cut
    assert "Repeated sentences" not in text_of(cleaning(repeated=[]))


def test_the_hash_of_the_rules_is_short_and_its_whole_is_at_hand() -> None:
    assert f'<code title="{CLEANED.rules_sha256}">9f2c41d07be8</code>' in cleaning()


def test_what_is_trained_on_is_marked() -> None:
    page = cleaning()
    assert "&lt;s&gt;How often?<mark> Twice a week.&lt;/s&gt;</mark></div>" in page
    text = text_of(page)
    assert "Key: shown, not trained on · trained on" in text
    assert "Row 1: 5 of 9 tokens are trained on (56 %)" in text
    assert "Row 2: 201 of 204 tokens are trained on (99 %)" in text
    assert '<details class="row folded" open><summary>Row 1' in page
    assert '<details class="row folded"><summary>Row 2' in page
    assert "What is trained on" not in cleaning(masked_rows=[])


def test_of_a_conversation_every_answer_is_marked() -> None:
    row = MaskedRow(tokens=["Why?", "So.", "How?", "Thus.", "."], learned=[(1, 2), (3, 5)])
    page = cleaning(masked_rows=[row])
    assert 'tabindex="0">Why?<mark>So.</mark>How?<mark>Thus..</mark></div>' in page
    assert "Row 1: 3 of 5 tokens are trained on (60 %)" in text_of(page)


def test_what_was_done_to_turns_is_counted() -> None:
    text = text_of(cleaning(turn_notes={"turns_merged": 1_200, "unanswered": 3}))
    assert "turns joined to the one before them, of the same role 1,200 turns after the last answer left out 3" in text
    assert "as they came" not in text
    assert "Turns of conversations" not in text_of(cleaning())
    text = text_of(cleaning(turns_in=1_000, turns_out=900))
    assert "as they came 1,000 of these, after the rules and the limit on tokens 900" in text


def test_exchanges_that_a_rule_cuts_from_conversations_are_named() -> None:
    name, rule = next(iter(CLEANED.rules.items()))
    text = text_of(cleaning(rules={name: rule.model_copy(update={"exchanges": 1_200})}))
    assert "cuts 1,200 exchanges from conversations" in text
    assert "exchanges from conversations" not in text_of(cleaning())


def test_a_training_that_the_deadline_ended_says_so() -> None:
    early = TRAINED.model_copy(update={"stopped_early": True, "planned_steps": 1_200})
    text = text_of(page_of(DONE.model_copy(update={"train": early})))
    assert "stopped early : the deadline left no time for all 1,200 steps" in text
    assert "stopped early" not in text_of(page_of(DONE))


def test_own_rules_keep_the_name_that_the_user_gave_them() -> None:
    assert "dropped: own rule price_list −3" in text_of(cleaning(dropped={"own:price_list": 3}))


def test_an_answer_that_was_cut_off_is_flagged() -> None:
    assert page_of(DONE, LOG, [sample(base_stopped=False)]).count("did not stop by itself") == 1
    assert "did not stop by itself" not in page_of(DONE, LOG, [sample()])


def test_evaluation_rows_come_with_their_reference_answer() -> None:
    page = page_of(DONE, LOG, SAMPLES)
    assert page.index("And then?") < page.index("See a doctor.")
    assert '<details class="row folded" id="answer-2"><summary>' in page


# --- one file, safe and the same -------------------------------------------------------------------------------------


def test_what_models_and_rows_say_is_text_and_never_markup() -> None:
    evil = "<script>alert(1)</script><svg onload=alert(2)><title>x</title></svg>"
    said = sample(question=evil, base=evil, tuned=f"</div>{evil}", reference=evil)
    error = Failure(kind="X", message=evil, remedy=evil)
    changes = {
        "error": error,
        "settings": {"model": {"base": evil}},
        "clean": CLEANED.model_copy(
            update={
                "system_prompt": evil,
                "rules": {
                    "opening": rule(1, changed=1, examples=[(f"{evil} Wait.", "Wait."), ("Wait.", f"Wait. {evil}")]),
                    evil: rule(1),
                },
                "rules_sha256": f'"{evil}',
                "sources": [CLEANED.sources[0].model_copy(update={"source": evil, "list_rows": {evil: 1}})],
                "masked_rows": [MaskedRow(tokens=[evil, evil], learned=[(1, 2)])],
            }
        ),
    }
    tags = Tags(page_of(DONE.model_copy(update=changes), LOG, [said, said.model_copy(update={"source": "eval_row"})]))
    assert not tags.open
    assert [tag for tag, _ in tags.found if tag in ("script", "title")] == ["title"]
    assert not [attributes for _, attributes in tags.found if any(name.startswith("on") for name in attributes)]
    assert tags.text.count("alert(1)") >= 16


def test_a_link_is_an_address_or_no_link() -> None:
    repo = MODEL_REPO.model_copy(update={"url": "javascript:alert(1)"})
    page = page_of(DONE.model_copy(update={"push": PUSHED.model_copy(update={"repositories": [repo]})}), LOG)
    assert "javascript:" not in page
    assert "acme/tuned" in page


def test_other_scripts_and_endless_words_keep_their_direction_and_place() -> None:
    page = page_of(DONE, LOG, [sample(base="مرحبا 👋", tuned="W" * 5_000)])
    assert '<div class="answer" dir="auto" tabindex="0">مرحبا 👋</div>' in page
    assert "overflow-wrap: anywhere" in page


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = page_of(DONE, LOG, SAMPLES)
    assert re.findall(r"https?://[^\"' <]+", page) == [MODEL_REPO.url]
    for tag, attributes in Tags(page).found:
        assert tag not in ("script", "link", "img", "iframe", "image", "object")
        for name in ("src", "href", "xlink:href", "action"):
            address = attributes.get(name)
            assert address is None or address.startswith("#") or address == MODEL_REPO.url
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page))
    assert "@import" not in page


@pytest.mark.parametrize("run", [DONE, LITTLE, metrics()], ids=["all results", "little measured", "nothing known"])
def test_ids_are_unique_and_every_reference_has_its_target(run: Metrics) -> None:
    page = page_of(run, LOG, SAMPLES, None, LOSSES)
    ids = [attributes["id"] for _, attributes in Tags(page).found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"(?:href=\"|url\()#([^\")]+)", page)) <= set(ids)


def test_equal_results_give_equal_bytes() -> None:
    assert page_of(DONE, LOG, SAMPLES) == page_of(DONE, list(LOG), list(SAMPLES))
