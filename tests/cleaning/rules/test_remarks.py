"""What is said of the consultation itself goes, at the end and in the middle; what only sounds like it stays."""

from __future__ import annotations

import pytest

from job.cleaning.rules import forum
from job.cleaning.rules.remarks import is_remark, is_remark_inside
from tests.cleaning.rules.one_row import ADVICE, cleaned

pytestmark = pytest.mark.examples

BEHIND = "The soil should drain well and stay loose."

MISSING = (
    "But there are no attached pictures in your message.",
    "I cannot see the photo.",
    "The image you have posted is not clear enough.",
    "Without any clear pictures, it is hard to comment on the leaf.",
    "I am very sorry I cannot tell the cause unless I see the picture.",
    "It is difficult to confirm with out knowing more details.",
    "Regarding this spot, I can't assure you without seeing the image.",
    "It would have been better if you had uploaded a snapshot of the roots.",
    "A photograph would have been very helpful for a diagnosis.",
    "More details would be required to suggest a fertilizer.",
    "A picture and more details will be needed to tell more.",
)
ASKED = (
    "If you can clarify these points, I shall be able to give a detailed answer.",
    "I would be in a better state to answer if you could attach a photograph of the stem.",
    "Regarding the roots, I would like to see the soil report.",
    "Please I need your soil reports to be able to help.",
    "You may put up two or three pictures of the leaf for better guidance.",
    "You need to take a picture of the open pot showing both sides and send to us.",
    "Is it possible for you to upload a picture of the stem?",
    "u can try attaching more pictures from other angles",
    "Kindly provide your soil and water reports.",
    "Send me the pictures of the seller's label and the pots.",
    "Before we talk of feeding you are requested to post more about it.",
    "Should you need more guidance please post your soil tests with the date here?",
    "Any previous record of it please share the latest one.",
    "Please elaborate a little about your problem.",
    "Please say more about the symptoms.",
    "Explain your problem in detail so that I can understand it.",
    "Please furnish the soil data, so that I will be able to guide you.",
    "Can I see your soil test?",
    "I need to know more so I can help you to choose.",
    "please feel free to correct any oversight in my reading of your problem.",
    "I have another set of questions, please answer them.",
    "However, I would like you to answer few questions.",
    "You must give us more details age and habits.",
    "You will need to provide us with more details, age and habits.",
    "if you have kept the seller's letter you can kindly photograph it and post it to me so that we may understand it better.",
    "If you still have the old label please copy it and send it to us.",
)
PROMISED = (
    "Once ruled out, we can better assist you.",
    "Only then we can comment on what is the right pot.",
    "Anyhow, I will be ready to help anytime.",
    "If there is no new leaf in a month, then we will discuss further.",
    "Once the tests are done then we can discuss the feeding.",
    "I can narrow it with the help of more information.",
    "I will explain you everything in detail.",
    "We can communicate in detail on this platform.",
    "Your inputs will help to understand it.",
    "I suggest a more detailed discussion if you can share more.",
)
REST = (
    "This professional advice provided by me stands subject to the actual look at the plant and is based entirely on your words.",
    "This is only a second opinion platform.",
    "Please share my opinion with your gardener before acting upon it.",
    "So I guess my answer can be partially answering your query.",
    "I hope you get my point.",
    "Got your complaint and checked your attached photograph.",
    "I have seen both the photos you sent me.",
    "I have seen your report.",
    "You have uploaded your photo as an attachment.",
    "It is a really short description of your query.",
    "I really appreciate your concern.",
    "I first wish to appreciate the love and dedication you have shown to it.",
    "I have given you the answer to the maximum considering the information provided.",
    "I hope I helped and that your fern gets well.",
    "Hope this reply would help you to plan the bed.",
    "I will give you my advice.",
    "Detailed answer...",
    "With detailed medical history.",
    "As per your requirement.",
    "I suggest.",
    "Regarding.",
    "Have a bright future.",
    "Sending love and peace to you!",
)
ALL = (*MISSING, *ASKED, *PROMISED, *REST)


@pytest.mark.parametrize("remark", ALL)
def test_a_remark_goes_from_the_end(remark: str) -> None:
    assert is_remark(remark)
    assert cleaned(f"{ADVICE} {remark}") == ADVICE


@pytest.mark.parametrize("remark", (*MISSING[:1], *MISSING[2:8], *ASKED[:7], *ASKED[13:15], *PROMISED[2:5], *REST[:6]))
def test_a_remark_goes_from_the_middle(remark: str) -> None:
    assert is_remark_inside(remark)
    assert forum.INSIDE.all_in(remark.lower())
    assert cleaned(f"{ADVICE} {remark} {BEHIND}") == f"{ADVICE} {BEHIND}"


@pytest.mark.parametrize(
    "advice",
    [
        "Send a soil sample to the laboratory.",
        "Bring the pictures and reports to your gardener.",
        "Please upload the photos to the site of the seller.",
        "Check the upload speed of the camera.",
        "Attach the vine to a stake so that it can climb.",
        "Please provide the fern with more light.",
        "You need to send the leaf to a lab for a culture.",
        "Take a picture of the leaf every week and compare them.",
        "There is no picture of this fern in the book.",
        "The picture is typical of rust.",
        "Details matter when you repot.",
        "Good pictures are useful in naming ferns.",
        "If you send the soil to a lab, you will know the cause.",
        "It would be better if you gave it more light.",
        "It is hard to say whether it will survive without water.",
        "I would like you to get the soil tested.",
        "I need to explain that ferns like shade.",
        "I would explain that rust is a fungus.",
        "I would suggest you a smaller pot.",
        "We can discuss this with the gardener.",
        "Your answers will help the seller.",
        "This advice is for ferns.",
        "This is only a small fern.",
        "It is a short plant.",
        "I have seen your fern wilt in pictures because of the sun.",
        "Please tell the seller about it.",
        "Have a good pot.",
        "Can I see your fern from the street?",
        "I appreciate your fern but repot it.",
        "With a detailed plan of the bed.",
        "Please send the photos and repot the fern.",
        # a question by name, and a reason
        "Please say about the colour of the spots.",
        "Please tell about its place (light and draught).",
        "Please elaborate a little about your watering.",
        "Please inform your humidity levels.",
        "It would be ideal if you mentioned the age since many plants look alike.",
        "I want to see the roots in a picture to see whether it is rot.",
        # no word of the writer
        "Pictures and a soil test will be necessary to plan the bed.",
        "Pictures of the bed will be necessary every year.",
        "More information will be needed from a soil test.",
        "It would be better if you provided it with a trellis.",
        "If you provide good care it will help.",
        "If you had mentioned the frost it would have been avoided.",
        "List what grows there, so that we can find the culprit.",
        "Post-frost wilting is common, so I would not worry.",
        "Give it small doses so we can rule out a burn.",
        "Share no tools, so we can stop the rust in the house.",
        "Please write your soil readings in a diary.",
        "Please tell the seller your weight of soil.",
        "This answer is based only on the photo which shows one leaf.",
        "I first wish to appreciate your patience, as ferns grow slowly.",
        # a promise with something to do
        "I would suggest further tests like a sample of the soil.",
        "I would suggest more shade and less water.",
        "I would suggest better control of the slugs.",
        "I can suggest more bark in the soil.",
        "I can help more with a bigger pot.",
        "I will help you to get rid of slugs with beer.",
        "I would suggest a proper talk with your landlord.",
        "Once the results are available, we can decide between lime and sulphur.",
        "We can discuss the dose of lime and the drainage.",
        "We need to know the cause by a soil test.",
    ],
)
def test_advice_that_sounds_like_a_remark_stays(advice: str) -> None:
    assert not is_remark(advice)
    assert cleaned(f"{BEHIND} {advice}") == f"{BEHIND} {advice}"


def test_what_introduces_questions_in_the_next_sentences_stays() -> None:
    asked = "Please provide the following details. Is it old?"
    assert cleaned(f"{ADVICE} {asked} {BEHIND}") == f"{ADVICE} {asked} {BEHIND}"


def test_an_answer_that_only_asks_for_pictures_is_dropped() -> None:
    assert cleaned("But there are no attached photographs in your message.") == "nothing_but_boilerplate"


@pytest.mark.parametrize(
    ("sentence", "stays"),
    [
        ("I would want further information prior to naming a cause.", True),
        ("However, we need your soil report before we can make a firm diagnosis.", True),
        ("I would like to see the pictures before diagnosing rust.", True),
        ("I need further information to help you.", False),
        ("I need more details before I can answer.", False),
        ("Please send your soil report before I name a cause.", False),
    ],
)
def test_that_no_cause_can_be_named_yet_stays(sentence: str, stays: bool) -> None:
    rest = f"{sentence} {BEHIND}" if stays else BEHIND
    assert cleaned(f"Hi. {sentence} {BEHIND}") == rest
    assert cleaned(f"{ADVICE} {sentence} {BEHIND}") == f"{ADVICE} {rest}"
    assert cleaned(f"{ADVICE} {sentence}") == (f"{ADVICE} {sentence}" if stays else ADVICE)


def test_two_remarks_around_a_colon_are_one() -> None:
    assert is_remark("I would like to know few more details: Kindly send me the pictures.")
    assert not is_remark("I would like to know few more details: Keep it dry.")


def test_a_remark_stays_that_names_what_the_next_sentence_is_about() -> None:
    remark = "Regarding the roots, I would like to see the soil report."
    for behind in ("It could be too wet for them.", "This is often lime."):
        assert cleaned(f"{ADVICE} {remark} {behind} {BEHIND}") == f"{ADVICE} {remark} {behind} {BEHIND}"
        assert cleaned(f"{remark} {behind} {BEHIND}") == f"{remark} {behind} {BEHIND}"
    assert cleaned(f"{ADVICE} {remark} {BEHIND}") == f"{ADVICE} {BEHIND}"


def test_a_promise_and_questions_announced_go() -> None:
    for remark in (
        "Once I have this information, I can clinically correlate.",
        "Few basic things to ask before I proceed.",
    ):
        assert cleaned(f"{ADVICE} {remark}") == ADVICE
        assert cleaned(f"{ADVICE} {remark} Is the pot wet?") == f"{ADVICE} Is the pot wet?"


@pytest.mark.parametrize(
    "purpose",
    [
        "Then I can judge and tell you whether a graft is possible.",
        "I would then assess and inform you about the size of the lump.",
        "Then we can decide.",
    ],
)
def test_what_a_request_was_for_goes_with_it(purpose: str) -> None:
    request = "It would be great if you could send me a photograph of the stem."
    assert cleaned(f"{ADVICE} {request} {purpose} {BEHIND}") == f"{ADVICE} {BEHIND}"
    assert cleaned(f"{ADVICE} {request} {purpose}") == ADVICE
    assert cleaned(f"{ADVICE} {purpose} {BEHIND}") == f"{ADVICE} {purpose} {BEHIND}"  # of what is advised before it


@pytest.mark.parametrize(
    "plan",
    [
        "Then we can see a gardener about it.",
        "Then I can tell you what it is, but it looks like rust.",
        "Then I would cut it back.",
    ],
)
def test_what_is_planned_behind_a_request_stays(plan: str) -> None:
    assert cleaned(f"{ADVICE} Can you upload your report? {plan} {BEHIND}") == f"{ADVICE} {plan} {BEHIND}"


@pytest.mark.parametrize(
    "advice",
    [
        "If you have a spot you can photograph it and compare it each month.",
        "If you have a spot you can photograph it and send it to your gardener.",
        "You must give the fern more water.",
        "Can you give me more of the details of the graft if you can still remember?",
    ],
)
def test_what_is_to_be_photographed_or_given_for_another_reason_stays(advice: str) -> None:
    assert cleaned(f"{ADVICE} {advice} {BEHIND}") == f"{ADVICE} {advice} {BEHIND}"


def test_what_an_opinion_still_needs_goes() -> None:
    remark = "My opinion would be firmer after viewing the soil video and lab sheets."
    assert cleaned(f"{ADVICE} {remark}") == ADVICE
    assert cleaned(f"{ADVICE} {remark} The soil should drain well.") == f"{ADVICE} The soil should drain well."
    for more in (
        "My view could change after reading the soil report.",
        "I could be more certain after viewing the video.",
    ):
        assert cleaned(f"{ADVICE} {more}") == ADVICE
    other = "My opinion would be better news after rain."
    assert cleaned(f"{ADVICE} {other}") == f"{ADVICE} {other}"
