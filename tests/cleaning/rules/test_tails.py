"""A request within a sentence goes, and the advice in it stays."""

from __future__ import annotations

import pytest

from tests.cleaning.rules.one_row import ADVICE, cleaned

pytestmark = pytest.mark.examples

MORE = "Old leaves fall off in autumn, and new ones come in spring."


@pytest.mark.parametrize(
    ("sentence", "rest"),
    [
        # Back to the writer.
        ("Wash the stem from below and see me once more in a month.", "Wash the stem from below."),
        (
            "Keep a list of new spots for ten days and mail it across to us afterwards.",
            "Keep a list of new spots for ten days.",
        ),
        ("Cut the old leaves and then bring them to me.", "Cut the old leaves."),
        ("Get a soil test, after which you and I will go over what it shows.", "Get a soil test."),
        ("Review with me once reports arrive.", ""),
        ("Keep it in the shade and consult me again.", "Keep it in the shade."),
        ("Get a soil test and then we can talk about what it shows.", "Get a soil test."),
        ("Once the test is back, we will go over it together.", ""),
        ("If a film was taken, post it so I can judge the roots.", ""),
        ("Report back to me after the weekend.", ""),
        ("Revert to me after the weekend. I shall then change the soil.", ""),
        # In place of advice.
        (
            "Either visit a nursery today or share a photo, because roots are delicate.",
            "Visit a nursery today, because roots are delicate.",
        ),
        ("Lift the pot i wish you could share your soil sheet or repeat the test.", "Lift the pot. Repeat the test."),
    ],
)
def test_a_request_goes_from_its_sentence(sentence: str, rest: str) -> None:
    assert cleaned(f"{MORE} {ADVICE} {sentence}") == f"{MORE} {ADVICE} {rest}".rstrip()


@pytest.mark.parametrize(
    "sentence",
    [
        "Spray the stem from below and see a gardener in a month.",
        "Keep a list of new spots for ten days and mail it to your gardener afterwards.",
        "Get a soil test, after which the gardener will go over what it shows.",
        "Either visit a nursery today or repot it.",
        "If rust was found, spray it so we can see the stem.",
        "Once the test is back, the gardener will go over it.",
        "Feed it for a week. I shall then change the soil.",
        "It would help if the sun could see us.",
    ],
)
def test_what_the_reader_does_with_others_stays(sentence: str) -> None:
    assert cleaned(f"{MORE} {ADVICE} {sentence}") == f"{MORE} {ADVICE} {sentence}"


SENT = "Kindly send the scan so that we may look"


@pytest.mark.parametrize(
    ("sentence", "rest"),
    [
        (f"{SENT} and take a decision which lets us answer.", ""),
        (f"{SENT}, compare and make a plan that suits your bed.", ""),
        (f"{SENT} and take a decision and water it once a week.", "Water it once a week."),
        # What the reader is to do is no verb of the writer.
        (f"{SENT} and take the fern indoors.", "Take the fern indoors."),
        (f"{SENT} and take a leaf from the stem.", "Take a leaf from the stem."),
        (f"{SENT} and see a gardener.", "See a gardener."),
    ],
)
def test_all_verbs_of_a_purpose_go_with_their_request(sentence: str, rest: str) -> None:
    assert cleaned(f"{MORE} {ADVICE} {sentence}") == f"{MORE} {ADVICE} {rest}".rstrip()


RECORD = "If a soil test was done, then send it to me so that we can judge the lime content"


@pytest.mark.parametrize(
    "request_",
    [
        f"{RECORD}.",
        f"{RECORD} and decide on the dose of sulphur.",
        f"{RECORD} and the age of the bed.",
        "If a soil test was done please do send it to us so that we may judge the lime content.",
        "In case you have a soil sheet, kindly share the sheet here so I can compare the lime content.",
    ],
)
def test_a_record_that_may_exist_is_asked_for(request_: str) -> None:
    assert cleaned(f"{ADVICE} {request_} Frost harms too.") == f"{ADVICE} Frost harms too."
    assert cleaned(f"{ADVICE} {request_}") == ADVICE


@pytest.mark.parametrize(
    "sentence",
    [
        f"{RECORD} and keep the roots dry.",
        f"{RECORD}, but water it daily.",
        f"{RECORD}. It should show all minerals.",  # what "it" is
        "If a soil test was done, then send it to your gardener so that he can judge the lime content.",
        "If the frost bends the stem, send it to me so that we can judge the depth of its rot.",  # a warning sign
        "If you have a fever, send the child to me so that I can look at it.",
        "If a soil test was done, it shows the lime content.",
    ],
)
def test_advice_behind_such_a_condition_stays(sentence: str) -> None:
    assert cleaned(f"{ADVICE} {sentence} Frost harms too.") == f"{ADVICE} {sentence} Frost harms too."


def test_advice_behind_the_purpose_of_a_record_stays_at_the_end() -> None:
    sentence = "If a film was taken, post it so I can judge the roots and keep the pot dry."
    assert cleaned(f"{ADVICE} {sentence}") == f"{ADVICE} {sentence}"


@pytest.mark.parametrize(
    ("half", "stays"),
    [
        ("repeat it", True),
        ("get one done.", True),
        ("get another.", True),
        ("repeat this first.", True),
        ("repeat the old one.", True),
        ("do another test.", False),
        ("get this test done.", False),
    ],
)
def test_what_stands_behind_or_stays_alone_with_a_noun_of_its_own(half: str, stays: bool) -> None:
    wish = f"lift the pot i wish you would send me the old soil sheet or {half}"
    assert cleaned(f"{MORE} {wish}") == f"{MORE} {wish if stays else f'lift the pot. {half.capitalize()}'}"


@pytest.mark.parametrize(
    "lead",
    [
        "I require some more information to guide you well:",
        "Some extra history is required for my reply:",
        "Kindly go through these points.",
        "Kindly answer these:",
        "To help you better I need a few details:",
        "Please provide the following details.",
        "But I would like to know a few more details about the pot:",
    ],
)
def test_the_lead_of_a_list_of_questions_goes(lead: str) -> None:
    listed = "1. Do you water it daily? 2. Does it stand in the sun?"
    assert cleaned(f"{lead} {listed} {MORE}") == f"{listed} {MORE}"
    assert cleaned(f"{MORE} {lead} {listed}") == f"{MORE} {listed}"


def test_the_lead_of_a_list_of_other_things_stays() -> None:
    for text in (
        f"You need some more things: 1. Light. 2. Soil. {MORE}",
        f"The soil needs more data points: 1. Lime. {MORE}",
    ):
        assert cleaned(text) == text


@pytest.mark.parametrize(
    ("request_", "question"),
    [
        ("Please upload the film, and also say which side of the pot leaks.", "Say which side of the pot leaks."),
        ("Please send me the scan and tell me what powder it gets.", "Tell me what powder it gets."),
        ("Kindly attach the report and mention where the rust began.", "Mention where the rust began."),
        ("Do send us a picture but please also write how often it drips.", "Write how often it drips."),
    ],
)
def test_a_question_behind_a_request_stays(request_: str, question: str) -> None:
    assert cleaned(f"{MORE} {ADVICE} {request_}") == f"{MORE} {ADVICE} {question}"
    assert cleaned(f"{MORE} {request_} {ADVICE}") == f"{MORE} {request_} {ADVICE}"


@pytest.mark.parametrize(
    "sentence",
    [
        "Please upload the film, and also say what it shows.",
        "Please send me the scan and tell me what you think.",
        "Please send me the scan and tell me how you feel.",
        "Kindly attach the report and let me know what the doctor said.",
    ],
)
def test_what_a_request_asks_for_besides_the_picture_is_news(sentence: str) -> None:
    assert cleaned(f"{MORE} {ADVICE} {sentence}") == f"{MORE} {ADVICE}"
