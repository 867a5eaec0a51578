"""The tables of endings: what saves time must not cost a match, and what looks polite must be so."""

from __future__ import annotations

import pytest

from job.cleaning.rules import breaks_off, closings, requests
from job.cleaning.rules.text import has_any
from tests.cleaning.rules.one_row import ADVICE, cleaned

pytestmark = pytest.mark.examples

GLUED = (
    *(
        "I hope this helps",
        "Hope that it helps",
        "Regards, Anna",
        "Kind regards",
        "Thanks",
        "Take care ourforum",
        "Wish you well",
    ),
    *(
        "Get well soon",
        "Let me know if it works",
        "Feel free to ask",
        "please do not hesitate",
        "All the best",
        "Good luck",
    ),
    *(
        "For more information ask",
        "for further details, consult",
        "hope it is a helpful answer",
        "thanks for asking",
        "hope he is well",
    ),
    *("if so do vote", "Good day", "Stay safe"),
)


@pytest.mark.parametrize("phrase", GLUED)
def test_a_goodbye_without_a_stop_before_it_has_a_sign(phrase: str) -> None:
    assert closings.GLUED_GOODBYE.search(f"water it well {phrase}")
    assert has_any(phrase.lower(), closings.POLITE)


@pytest.mark.parametrize("last", ["thank you", "thanx", "take care", "all the best", "best wishes", "regards", "cheers", "bye", "good luck", "goid luck", "get well soon", "hope i was of help", "god bless you", "feel better soon", "…best", "thnaks", "good luck to you"])  # fmt: skip
def test_last_words_have_their_end_and_their_sign(last: str) -> None:
    assert closings.LAST_WORDS.search(f"water it {last}.")
    assert last.endswith(closings.ENDS)


@pytest.mark.parametrize(
    "far",
    ["You can always revert back", "With that you may contact me again", "In a week follow up with a gardener online"],
)
def test_a_goodbye_behind_other_words_has_a_sign(far: str) -> None:
    assert closings.FAR_GOODBYE.match(far)
    assert has_any(far.lower(), closings.FAR_SIGNS)


@pytest.mark.parametrize(
    "sentence",
    ["see your doctor", "Contact a specialist", "go to the nearest hospital", "talk to your own doctor", "call a vet"],
)
def test_advice_to_turn_to_somebody_is_known(sentence: str) -> None:
    assert closings.REFERRAL.search(sentence)
    assert not closings.REFERRAL.search("for more information consult a dermatologist online -->")


def test_a_title_is_known_by_its_ending() -> None:
    people = ("dermatologists", "paediatrician", "psychiatrist", "counsellor", "surgeon")
    assert all(who.removesuffix("s").endswith(closings.TITLES) for who in people)
    assert not "list".endswith(closings.TITLES)


@pytest.mark.parametrize(
    "clause",
    [
        "Hope it helps, stop feeding it",
        "Thanks and repeat it",
        "feel free to drink water",
        "give him vitamins",
        "Continue this",
    ],
)
def test_an_instruction_is_known(clause: str) -> None:
    assert closings.INSTRUCTION.search(clause)
    assert not closings.INSTRUCTION.search("Hope it helps, take care and get back to me")


def test_a_statement_begins_behind_a_comma_or_a_conjunction() -> None:
    assert closings.STATEMENT.search("Thanks for the photo, the fern has mould")
    assert not closings.STATEMENT.search("The very best to you")


@pytest.mark.parametrize(
    "text", ["It is caused by a", "Feed it with", "try the following tips", "They are listed below", "as follows:"]
)
def test_a_sentence_that_breaks_off_is_known(text: str) -> None:
    assert breaks_off.DANGLING.search(text) or breaks_off.PROMISE.search(text)


REQUESTS = (
    "Please revert with your reports.",
    "Kindly send me the photos of the leaves so that I can guide you better.",
    "If possible, upload a picture of the affected pot here.",
    "Once you have the results of the soil test, you can get back to me.",
    "It would be good if you could attach an image of the roots.",
    "As soon as you get the reports, please send them to me.",
    "Let me know the results of the second soil test and how the fern is responding.",
    "Do share with us the readings of the last week.",
    "I would like to see the report before I comment further.",
    "I need some more details to give you a proper answer.",
    "If you have the latest readings please attach the same.",
    "Tell me the details of the garden so I could find the cause.",
    "For a more detailed advice please provide me with the readings.",
    "I can tell you more if you can provide me with a picture.",
    "I need to see it to help you further.",
    "If yes, please send them across.",
    "In case there is no relief then let me know.",
    "waiting for your reply.",
    "Kindly give more information about your pots.",
)


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_request_to_tell_the_writer_more_goes(request_: str) -> None:
    assert requests.REQUEST.match(request_)
    assert has_any(request_.lower(), requests.REQUEST_SIGNS)
    assert cleaned(f"{ADVICE} {request_}") == ADVICE


@pytest.mark.parametrize(
    ("answer", "rest"),
    [
        ("Get the soil tested for lime and share your reports.", "Get the soil tested for lime."),
        ("Have the roots looked at by a gardener or you may send a picture of them.", "Have the roots looked at by a gardener."),
        ("Please send me the photos and repot the fern.", None),
    ],
)  # fmt: skip
def test_of_advice_the_request_alone_goes(answer: str, rest: str | None) -> None:
    assert cleaned(f"{ADVICE} {answer}") == f"{ADVICE} {rest or answer}"


@pytest.mark.parametrize(
    "advice",
    [
        "Can you send me the other view of the fern so that I can see its stem?",  # a question of its own
        "Could you please provide me with the title, date, and place?",
        "Please show the report to your gardener.",
        "Kindly send the soil to a lab and share the results with your family.",
        "If the fever persists, go back to your doctor.",
        "Send the form with the photos to the insurer.",
        "Upload the picture to the server and restart it.",
        "Provide good light and warm water.",
        "Share the pot with a moss.",
        "Please tell me the size, the pot is too small for it.",
        "Let me know the result 2- cut the roots 3- change the soil.",
        "Post the results of the soil test on the door.",
        "If you stop it may come back.",
        "If it was dry for long it takes a year to get back to normal.",
        "Once treated, it can come back.",
        f"Please tell me the details of {', '.join(f'pot {number}' for number in range(60))}.",
    ],
)
def test_what_is_told_to_others_or_goes_on_is_advice(advice: str) -> None:
    assert cleaned(f"{ADVICE} {advice}") == f"{ADVICE} {advice}"


def test_a_request_behind_a_courtesy_alone_is_the_answer() -> None:
    for courtesy in ("Sure, I can help with that.", "Of course, I'd be happy to help you with that order."):
        for request in (
            "Please send me the photos of the leaves.",
            "Could you please provide me with the URL of your website?",
        ):
            assert cleaned(f"{courtesy} {request}") == f"{courtesy} {request}"


@pytest.mark.parametrize(
    "offer",
    [
        "If you need any other recipes, feel free to ask!",
        "If you need help with the pots, don't hesitate to ask.",
        "Should you want another plan, let me know.",
        "If you need anything else, feel free to ask.",
    ],
)
def test_an_offer_to_answer_more_goes_with_its_condition(offer: str) -> None:
    assert cleaned(f"{ADVICE} {offer}") == ADVICE
    assert cleaned(f"You're welcome! {offer}") == "nothing_but_boilerplate"
    advice = offer.replace("ask", "cut it").replace("let me know", "cut it")
    assert cleaned(f"{ADVICE} {advice}") == f"{ADVICE} {advice}"


@pytest.mark.parametrize("last", ["Buy tassels online.", "Be more vigilant online.", "That makes it easier online."])
def test_what_is_online_is_no_referral(last: str) -> None:
    assert cleaned(f"{ADVICE} {last}") == f"{ADVICE} {last}"


@pytest.mark.parametrize(
    ("inside", "goes"),
    [
        ("Please share pictures of your fern.", True),
        ("Get back to me after five days.", True),
        ("Kindly send me the following details.", False),
        ("Can you send me the size of the pot?", False),
        ("Please send me the answers to these points:", False),
        ("Please show the report to your gardener.", False),
    ],
)
def test_a_request_between_sentences_goes_unless_it_announces_questions(inside: str, goes: bool) -> None:
    behind = "Then wait for a week and look at the new leaves."
    assert cleaned(f"{ADVICE} {inside} {behind}") == (f"{ADVICE} {behind}" if goes else f"{ADVICE} {inside} {behind}")


@pytest.mark.parametrize(
    ("inside", "rest"),
    [
        ("Keep it dry for two weeks and let me know about the outcome.", "Keep it dry for two weeks."),
        ("Feed it for 45 days and revert back.", "Feed it for 45 days."),
        ("Measure the pot so that I can help you better.", "Measure the pot."),
        ("Send the pot to a lab to guide you further.", "Send the pot to a lab."),
        ("I remain at your disposal for any further questions whenever you need.", ""),
        ("If you have more questions feel free to write back to us.", ""),
        ("All the very best.", ""),
        ("Feed it so that it can help you.", "Feed it so that it can help you."),
        ("Let me know is a phrase.", "Let me know is a phrase."),
    ],
)
def test_of_a_sentence_in_the_middle_the_courtesy_goes(inside: str, rest: str) -> None:
    behind = "Then wait for a week and look at the new leaves."
    assert cleaned(f"{ADVICE} {inside} {behind}") == " ".join(filter(None, (ADVICE, rest, behind)))


def test_an_apology_without_its_blank_goes() -> None:
    assert cleaned(f"{ADVICE} It will not grow againSorry for the bad news") == f"{ADVICE} It will not grow again."
    for sentence in (
        "There is no bad news.",
        "He was sorry for the bad news from the garden.",
        "Better safe than sorry.",
        "They felt sorry.",
        "Ask the gardener again.",
    ):
        assert cleaned(f"{ADVICE} {sentence}") == f"{ADVICE} {sentence}"
    for apology in ("since it is hepatica sorry", "as it is rust i am really sorry.", "as it is rust, sorry for that."):
        said = apology.split(" sorry")[0].removesuffix(" i am really").rstrip(",")
        assert cleaned(f"{ADVICE} It is lost {apology}") == f"{ADVICE} It is lost {said}."


@pytest.mark.parametrize(
    ("said", "rest"),
    [
        ("Get the soil tested then i will guide you to the next step", "Get the soil tested."),
        ("Get the soil tested and after that I can guide you for next step.", "Get the soil tested."),
        ("Get the soil tested i can help you with the next steps", "Get the soil tested."),
        ("A gardener will guide you to the next step.", None),
        ("If the soil is wet i will guide you to the next step.", None),
    ],
)
def test_an_offer_to_guide_on_goes_without_a_stop_before_it(said: str, rest: str | None) -> None:
    assert cleaned(f"{ADVICE} {said}") == f"{ADVICE} {rest or said}"


def test_a_blessing_and_news_go_without_a_stop_before_them() -> None:
    for said in (" god bless you ma'am", "update me with any new events"):
        assert cleaned(f"{ADVICE.rstrip('.')}{said}") == ADVICE


@pytest.mark.parametrize("behind", ["", " Keep it out of the wind."])
def test_a_promise_goes_with_the_words_that_join_it(behind: str) -> None:
    advice = "Get a test of the upper soil"
    joined = "from there i can guide you to the next step"
    assert cleaned(f"{ADVICE} {advice} {joined}.{behind}") == f"{ADVICE} {advice}.{behind}"
    way = f"Walk to the hut and from there you can guide your dog to the next step.{behind}"
    assert cleaned(f"{ADVICE} {way}") == f"{ADVICE} {way}"


@pytest.mark.parametrize(
    ("last", "rest"),
    [
        # Without a stop or a blank before it.
        ("Frost is what causes the rusti await your answer.", "Frost is what causes the rust."),
        ("Frost causes the rust i await your reply", "Frost causes the rust."),
        ("I await your response.", ""),
        ("It could be frost.no fear you'll soon be fine.", "It could be frost."),
        ("Use a copper spray (CS)No fear, it will be fine.", "Use a copper spray (CS)"),
        ("It could be frost.no fear you'll be fine in a week.", None),
        ("It could be frost.no fear you'll soon be fine if it is dry.", None),
        ("There is no fear, it will be fine.", None),
        # A wish behind a dash or an "and".
        ("Give lime for the moss \u2013 hope he recovers quick", "Give lime for the moss."),
        ("Take short walks in the shade and have a lovely holiday", "Take short walks in the shade."),
        ("I hope he recovers the bed with new bark.", None),
        ("Take short walks in the shade and have a light lunch", None),
        # A request behind a statement.
        ("Iron matters here too, hence do send me the iron sheet to look over.", "Iron matters here too."),
        ("Iron matters here too, hence do spread the iron sheet over it.", None),
    ],
)
def test_a_courtesy_run_on_at_the_end_goes(last: str, rest: str | None) -> None:
    assert cleaned(f"{ADVICE} {last}") == f"{ADVICE} {last if rest is None else rest}".rstrip()
