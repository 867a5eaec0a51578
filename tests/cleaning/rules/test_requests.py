"""Requests to the asker go, and what is asked of the reader as advice stays."""

from __future__ import annotations

import pytest

from job.cleaning.rules import requests
from tests.cleaning.rules.one_row import ADVICE, cleaned

pytestmark = pytest.mark.examples

BEHIND = "The soil should drain well and stay loose."

SURE = (
    "Can you take a picture of the open flower, showing both sides, and send it to us?",
    "If you have spots anywhere else on the plant, send pictures of them too.",
    "If you have any scans, do post them.",
    "If possible, upload an image of it and this may help in finding what it is.",
    "Attach a photo of the wilted leaf and consult a botanist online for treatment.",
    "If you can measure the pot and post it here, I will do my best to explain the size.",
    "If you tell me the exact plant I may be in a better position to tell you the figures.",
    "However, if you can attach your reports then further comment can be given.",
    "Please get a review with pictures for better evaluation and the best treatment.",
    "Please do mention that.",
    "post pics please",
    "Please consider uploading a picture.",
    "If you could upload a picture that would be great.",
    "It would help to see a photo of it.",
    "If you have a history then mention it.",
    "Kindly mention the details of the treatment.",
    "Follow up when you get the result and mention whether you are getting better.",
    "Let me go over your soil report and will get back to you in a moment.",
    "I can help you better if you are fine with booking a session for a detailed evaluation.",
    "You can also book an online phone or video consultation so the problem can be evaluated in detail.",
    "Follow up with more details about your fern.",
    "Please respond with the required answers.",
    "Follow up with the required information.",
    "I wish you could attach the x-ray images.",
    "Perhaps you could have sent a clear photo of the leaf.",
    "It would have been better if you had attached the x-ray images.",
    "It would be better if pictures of the leaves are attached.",
    "If the x-ray images could be attached, it would be better.",
    "I would have liked to see the pictures.",
)


@pytest.mark.parametrize("request_", SURE)
def test_a_request_goes_whatever_else_it_holds(request_: str) -> None:
    assert requests.SURE.match(request_)
    assert cleaned(f"{ADVICE} {request_}") == ADVICE


@pytest.mark.parametrize(
    "request_",
    [
        "Would u plz send us the lab results?",
        "Can you please send further information like a photograph of the pot or the roots or any soil report?",
        "Do upload an analysis of the soil for a proper opinion.",
        "You are requested to post more information about it.",
        "In case you want to know the dose, upload your picture of the leaf so that I know how bad it is.",
        "I will wait for your answer.",
        "Kindly post your recent soil reports to a botanist online.",
        "Kindly update these details and also the picture.",
        "Kindly also enclose any recent soil tests.",
        "Can you upload the scan of the leaf? ….",
        "Please send a picture of the leaf to see whether there is any rust.",
    ],
)
def test_a_request_for_something_to_look_at_goes(request_: str) -> None:
    assert cleaned(f"{ADVICE} {request_}") == ADVICE


@pytest.mark.parametrize(
    "request_",
    [
        "Can you upload your report?",
        "Please mention the other symptoms.",
        "If you have spots elsewhere, send pictures of them too.",
        "Perhaps you could attach the x-ray images.",
    ],
)
def test_such_a_request_goes_in_the_middle_too(request_: str) -> None:
    assert cleaned(f"{ADVICE} {request_} {BEHIND}") == f"{ADVICE} {BEHIND}"


@pytest.mark.parametrize(
    ("sentence", "stays"),
    [
        ("I want to know the purpose of the scan.", True),
        ("I would like to know the reason for the soil reports.", True),
        ("I need to know the cause of the spots on the picture.", True),
        ("I want to know the results of the scan.", False),
        ("I would like to know the details of the soil reports.", False),
    ],
)
def test_what_somebody_wants_to_know_of_a_thing_stays(sentence: str, stays: bool) -> None:
    assert cleaned(f"{ADVICE} {sentence} {BEHIND}") == (
        f"{ADVICE} {sentence} {BEHIND}" if stays else f"{ADVICE} {BEHIND}"
    )


def test_a_question_stays_without_the_request_behind_it() -> None:
    for request in ("Then please mention.", "If so please mention it.", "If yes, then kindly mention."):
        assert cleaned(f"{ADVICE} Do you see any spots? {request}") == f"{ADVICE} Do you see any spots?"


@pytest.mark.parametrize(
    "advice",
    [
        "Please mention your allergies to the nurse at the clinic.",
        "Please mention it to your gardener.",
        "Please mention the size of the pot on the order form.",
        "If you have a picture of the leaf, send it to your gardener.",
        "Take a picture of the fern every week and compare them.",
        "If you send the soil to a lab, you will know the cause.",
        "Please get the soil reports to rule out lime.",
        "Please do share the reports of a lime test to rule out a lack of iron.",  # what the test is for
        "It would help to see a gardener.",
        "If you could send a picture to the seller that would be a reason for him to act.",
        "You can book a course for beginners in spring.",
        "Let me check the list of ferns that live in shade.",
        "Follow up with the results to your doctor.",
        "It would be better if the pictures are attached to the form of the insurer.",
        "Perhaps you could attach the vine to a stake.",
        "It will be good if you mention it to the florist.",
        # a question by name
        "Please mention the date of planting.",
        "If you have a history of rust then mention it.",
        "Kindly mention the kind of pot you had, whether it was closed, and the time of the test.",
        "Please tell me the colour and shape of the spots.",
        "Kindly give more information about the frost, if it was in spring or autumn.",
        "Keep it dry and let me know the colour and smell of the soil.",
        "If the night frost goes below ten degrees let me know.",
        "It would help to have the scan repeated.",
        "It would help to have a photo of the leaf for comparison.",
        # a reason
        "Let me know the age because treatment depends on the roots.",
        "Tell me about the feeding since milk may be one of the causes.",
        # nobody is told
        "Please mention your allergies before any spraying.",
        "If you can measure the lime at home, then we could give a smaller dose.",
        "Please give compost for these symptoms.",
        "You can give iron for low levels of chlorophyll.",
        "You should give the feed twice a day for these symptoms.",
        "Please provide soft soil until the symptoms settle.",
        "You can show her pictures of food to raise the appetite.",
        "I need to see the cut heal before the next pruning.",
    ],
)
def test_what_is_told_to_others_or_done_by_the_reader_stays(advice: str) -> None:
    assert cleaned(f"{ADVICE} {advice}") == f"{ADVICE} {advice}"


def test_a_request_at_the_end_of_a_sentence_goes_from_it() -> None:
    unknown = "It is hard to say more without the report"
    sentence = f"{unknown}, you could upload it here for better evaluation."
    assert cleaned(f"{ADVICE} {sentence} {BEHIND}") == f"{ADVICE} {unknown}. {BEHIND}"
    tested = "Get the soil tested in any lab"
    assert cleaned(f"{BEHIND} {tested} and send for review.") == f"{BEHIND} {tested}."
    informed = f"{tested} and follow up with the required information so that I can suggest you better."
    assert cleaned(f"{BEHIND} {informed}") == f"{BEHIND} {tested}."


@pytest.mark.parametrize(
    ("request_", "rest"),
    [
        ("Please mention what is your water level in summer?", None),
        ("Please tell me how many times do you water it.", None),
        ("Please upload your photo, damage of the leaf on a scale of 1-10.", None),
        ("Let me know since how long do you have this problem?", None),
        ("Let me know whether you feed it.", None),
        ("Let me know if you are allergic to moss.", None),
        ("Let me know your weight and height.", None),
        ("Let me know, do you water it?", "Do you water it?"),
        ("Please share your photos and what is your water level in summer?", "What is your water level in summer?"),
    ],
)
def test_a_question_about_the_state_stays_in_a_request(request_: str, rest: str | None) -> None:
    assert cleaned(f"{ADVICE} {request_}") == f"{ADVICE} {rest or request_}"
    assert cleaned(f"{ADVICE} {request_} {BEHIND}") == f"{ADVICE} {rest or request_} {BEHIND}"


def test_a_question_about_the_answer_goes_with_its_request() -> None:
    assert cleaned(f"{ADVICE} Let me know what is your opinion.") == ADVICE
    assert cleaned(f"{ADVICE} Let me know, are you satisfied?") == ADVICE
    assert cleaned(f"{ADVICE} Let me know if you are satisfied.") == ADVICE
    assert cleaned(f"{ADVICE} Let me know whether you need more help.") == ADVICE


def test_advice_joined_to_a_courtesy_stays() -> None:
    assert cleaned(f"{ADVICE} I am waiting for your reply and cold rain water.") == f"{ADVICE} cold rain water."
    assert cleaned(f"{ADVICE} I am waiting for your reply and reports.") == ADVICE


@pytest.mark.parametrize(
    ("wait", "rest"),
    [
        (
            "I will wait for your answer or you can visit an allergist in your town.",
            "You can visit an allergist in your town.",
        ),
        ("I am waiting for your photos or else see an internist nearby.", "See an internist nearby."),
        ("Waiting for your reports or ask a gardener.", "Ask a gardener."),
        ("I will wait for your answer or your call.", ""),
        ("I am waiting for your reports and will answer tomorrow.", ""),
        ("I will wait for your answer or contact me again.", ""),
    ],
)
def test_whom_to_turn_to_stays_behind_a_wait(wait: str, rest: str) -> None:
    assert cleaned(f"{ADVICE} {wait}") == f"{ADVICE} {rest}".strip()


def test_whom_to_turn_to_stays_behind_a_wait_that_is_run_on() -> None:
    rust = "it looks like rust"
    assert cleaned(f"{ADVICE} {rust} i will be waiting for your photos or go to an allergist") == (
        f"{ADVICE} {rust}. go to an allergist."
    )
    assert cleaned(f"{ADVICE} I hope this helps and shade is good for it.") == f"{ADVICE} Shade is good for it."
    assert cleaned(f"{ADVICE} I hope this helps and my answer is useful.") == ADVICE


@pytest.mark.parametrize(
    "question", ["What exactly was removed?", "When was it?", "How long is it?", "Why was it done."]
)
def test_a_request_stays_before_a_question_that_needs_it(question: str) -> None:
    asked = f"Please send me the details of the pruning. {question}"
    assert cleaned(f"{ADVICE} {asked} {BEHIND}") == f"{ADVICE} {asked} {BEHIND}"
    assert cleaned(f"{asked} {BEHIND}") == f"{asked} {BEHIND}"
    joined = f"Please send me the report of the pruning, {question.lower()}"
    assert cleaned(f"{ADVICE} {joined} {BEHIND}") == f"{ADVICE} {joined} {BEHIND}"


def test_a_request_goes_before_a_question_with_a_noun_of_its_own() -> None:
    question = "How long is the stem?"
    assert cleaned(f"{ADVICE} Please send me the details of the pruning. {question} {BEHIND}") == (
        f"{ADVICE} {question} {BEHIND}"
    )
    assert cleaned(f"Thanks for your query. When was it? {BEHIND}") == f"When was it? {BEHIND}"


def test_a_request_to_forward_something_goes_in_the_middle() -> None:
    question = "Is there a report on the soil?"
    assert cleaned(f"{ADVICE} {question} If so, please forward it. {BEHIND}") == f"{ADVICE} {question} {BEHIND}"
    photos = "I need photographs plus a detailed history."
    assert cleaned(f"{ADVICE} {photos} {BEHIND}") == f"{ADVICE} {BEHIND}"
    advice = "If a letter for the seller comes, please forward it to the seller."
    assert cleaned(f"{ADVICE} {advice} {BEHIND}") == f"{ADVICE} {advice} {BEHIND}"


def test_a_request_is_not_cut_within_a_decimal_fraction() -> None:
    asked = "Please tell us more about it is the ph 6. 85 of the soil or the pot?"
    assert cleaned(f"hi {asked.lower()} {ADVICE}") == f"{asked} {ADVICE}"


@pytest.mark.parametrize(
    "request_",
    [
        "You can click a snap of it and send it.",
        "Please click a clear picture of the affected leaf.",
        "If you find some way of adding the pictures, so much the better.",
        "If you can attach photographs, even better.",
        "If there is a way to add photos, please do so.",
        "If you can, post a picture.",
        "Upload the soil profile as soon as it is available.",
        "Please send the lime report once it is ready.",
        "Attach the scan when you get it.",
        "Share the results as soon as they come.",
        "Upload reports of the above tests.",
        "Please reply with the answers…",
    ],
)
def test_papers_to_come_and_a_snap_to_click_are_asked_for(request_: str) -> None:
    assert cleaned(f"{ADVICE} {request_}") == ADVICE


@pytest.mark.parametrize(
    "advice",
    [
        "Click a picture of the room to see its price.",
        "Click a picture of the spot every week to compare.",
        "You can click the picture to enlarge it.",
        "If you add more light, so much the better.",
        "If you send pictures of the roots to a lab, so much the better.",
        "If you can share the scan with your gardener, even better.",
        "Send the sample to the lab as soon as it is available.",
        "Send the soil sample as soon as you get it.",
        "Send the report to your gardener once it is ready.",
        "Share the results with your gardener once they are ready.",
        "Upload the results to your plant app once they are in.",
        "Attach the label once it is dry.",
        "Take the reports with you once they are out.",
    ],
)
def test_a_paper_for_others_and_a_picture_to_click_on_stay(advice: str) -> None:
    assert cleaned(f"{ADVICE} {advice}") == f"{ADVICE} {advice}"
