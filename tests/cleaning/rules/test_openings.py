"""Sympathy and announcements before the first sentence go; a diagnosis, a finding or advice in the same words stays."""

from __future__ import annotations

import pytest

from job.cleaning.rules import Rules
from tests.cleaning.rules.one_row import ADVICE, cleaned

pytestmark = pytest.mark.examples


@pytest.mark.parametrize(
    "opening",
    [
        "I am sorry to hear about your fern. ",
        "So sorry to know about the trouble with your garden. ",
        "And I am really sorry for what you have had to go through. ",
        "It is sad to hear that your pots are broken. ",
        "I can understand that you are worried about your fern and the roots. ",
        "I can imagine how upset you are about the garden. ",
        "I understand that you are going through a difficult time. ",
        "I can feel your pain and the fears that you have. ",
        "Sorry that your mother has been unable to sleep for weeks. ",
        "I am so sorry that you are in a lot of pain. ",
        "I know how tiring it must be when the spots keep coming back despite so many sprays. ",
        "I can imagine how hard this is for you. ",
        "Here is my advice. ",
        "How are you doing today? ",
        "Thank you for consulting me at this platform. ",
        "Based on your query and image, my opinion is as follows: ",
        "Do not worry, I will surely help you with your problem. ",
        "We are here to help you. ",
        "Nice to hear from you again. ",
        "Please find my observations below. ",
        "Thank you for providing the history of you. ",
        "Here are a few suggestions for you: ",
        "Following are my suggestions. ",
        "Let me answer your questions one by one. ",
        "Based on your query, my opinion is as follows: ",
        "I really appreciate your concern for your mother. ",
    ],
)
def test_sympathy_and_announcements_go(opening: str) -> None:
    assert cleaned(opening + ADVICE) == ADVICE


@pytest.mark.parametrize(
    ("answer", "rest"),
    [
        (
            "I understand that you are worried about your fern, and it seems to be mould. Keep it dry.",
            "It seems to be mould. Keep it dry.",
        ),
        (
            "I can understand that you are upset but these are signs of mould. Keep it dry.",
            "These are signs of mould. Keep it dry.",
        ),
        (
            "After going through your query and the images sent by you, this seems to be mould.",
            "This seems to be mould.",
        ),
        ("I understand your concern, but it seems to be mould. Keep it dry.", "It seems to be mould. Keep it dry."),
        ("Hello. And from your photo it seems to be mould.", "From your photo it seems to be mould."),
        ("I passed carefully through your query and would say that it is mould.", "I would say that it is mould."),
    ],
)
def test_what_follows_sympathy_in_its_sentence_stays(answer: str, rest: str) -> None:
    assert cleaned(answer) == rest


def test_an_announcement_between_sentences_goes() -> None:
    answer = f"The fern is dry. Based on your query, my opinion is as follows: it needs a pot. {ADVICE}"
    assert cleaned(answer) == f"The fern is dry. It needs a pot. {ADVICE}"


@pytest.mark.parametrize(
    "answer",
    [
        "How are you watering it? Use rain.",
        "I will help you to a fern. Take two.",
        "I am sorry to hear that it is mould, which spreads quickly. Keep it dry.",
        "Sorry to hear that this is an old fern in winter rest. Keep it dry.",
        "I am sorry but the fern cannot be saved. Throw it away.",
        "Sorry that your scan shows rot. Throw it away.",
        "Sorry that your fern cannot be saved. Throw it away.",
        "I am sorry that you are suffering from rust because of the rain. Keep dry.",
        "I know how hard it is to treat rust, since most sprays fail. Keep it dry.",
        "I know how tiring it must be when it is rust. Keep it dry.",
        "I feel that you are stressed by the cold. Keep warm.",
        "I understand that you have pale leaves on the fern. Feed it.",
        "I understand that you are worried because the fern needs light. Turn it.",
        "Here is the pot that I would take. It has holes.",
        "Following the advice of a gardener helps. Ask one.",
        "I appreciate your fern in its clay pot. Feed it.",
        "I have seen your reports as they show too little lime. Feed it.",
        "I have reviewed your soil report showing a lack of iron. Feed it.",
        "I have gone through your reports with a high level of lime. Feed it.",
        "I have seen your photos in which the stem has a mild rot. Cut it.",
        "I noted your raised soil values. Feed less.",
        "I appreciate your concern about lime, they can burn roots. Feed less.",
        "I can understand that you are anxious since the rot has grown. Cut it.",
        "May god help, but see a gardener today. Cut it.",
        "Regarding your question about coffee, it is safe. Use little.",
        "You are welcome to take it with milk. Use little.",
        "Thanks to god it is benign. Use little.",
        "If you have any concern regarding the issue get an assay. Use little.",
        "If you have any problem take compost. Use little.",
    ],
)
def test_an_opening_that_says_something_stays(answer: str) -> None:
    assert cleaned(answer) == answer


@pytest.mark.parametrize(
    "opening",
    [
        "Thank you for contacting Fernworld. ",
        "Thanks for choosing MossMagic for your query! ",
        "Thanks for your question on Ask A Gardener. ",
        "Thank you for your order with Fern & Moss. ",
        "Thank you for reaching out to Fern Support! ",
        "Thanks for shopping at Moss. ",
        "Good morning, Mrs. Moss. ",
        "Hi Dr. Fern. ",
        "Good evening Mr. Tom O'Fern! ",
        "Dear Prof. J. Fern, ",
        "Dear St. Fern, ",
        "Hi @anna, ",
    ],
)
def test_thanks_to_a_name_and_greetings_go_with_the_name(opening: str) -> None:
    assert cleaned(opening + ADVICE) == ADVICE


@pytest.mark.parametrize(
    "answer",
    [
        "Thanks for contacting Fernworld, the pot is on its way. Keep it dry.",
        "Thank you for choosing Ferns, Mosses and Ivy. Keep them dry.",
        "Thanks for your question on Asia and its ferns. Keep them dry.",
        "Hi Dr. Fern turned it off. Keep it dry.",
        "Dear Dr. Moss is right about it. Keep it dry.",
        "Hi @anna wrote it. Keep it dry.",
    ],
)
def test_a_name_that_the_sentence_goes_on_with_leaves_no_stump(answer: str) -> None:
    assert cleaned(answer, Rules(min_answer_words=1, contacts="keep")) == answer


@pytest.mark.parametrize(
    "rest",
    [
        "all other leaves are dry",
        "all the pots are too small",
        "all of it is rot",
        "all ferns need shade",
        "all i can see is rot",
        "there does not seem to be any rot",
        "there surely seems to be some rot",
        "there appear to be two kinds",
        "mother of thousands is a plant",
        "everyone knows this fern",
        "parents who grow ferns know it",
        "there have been some cases",
    ],
)
def test_a_greeting_does_not_take_the_first_word_of_a_sentence(rest: str) -> None:
    assert cleaned(f"hi {rest}.") == f"{rest.capitalize()}."
    assert cleaned(f"Hi all, {ADVICE}") == ADVICE
    for said in (
        "Are you sure that it is rot?",
        "Do not feed it.",
        "Have a look at it.",
        "Of course it is rot.",
        "Seems like rot.",
    ):
        assert cleaned(f"Hi there {said[0].lower()}{said[1:]} {ADVICE}") == f"{said} {ADVICE}"


@pytest.mark.parametrize(
    "opening",
    [
        "Thank you for choosing this platform. ",
        "Hello, thanks for posting your query on our wonderful platform. ",
        "Thank you for posting query at Ferngarden . com ",
        "Thanks for posting on ferngarden.com. ",
        "Thank you for asking on Ferngarden . com! ",
        "Regarding your inquiry, ",
        "Hello. Regarding your query. ",
        "With regard to your question: ",
        "Regarding your inquiry ",
        "Thank you for your question about whether lime burns the roots. ",
        "Thanks for writing about the mould in your pot. ",
    ],
)
def test_thanks_go_with_their_place_and_what_the_answer_regards_too(opening: str) -> None:
    assert cleaned(opening + ADVICE) == ADVICE


@pytest.mark.parametrize(
    "answer",
    [
        "Regarding your question about rain, it harms no fern.",
        "Regarding your second pot, it is too small.",
        "Regarding your question whether it is rust, no.",
        "Thanks to this platform the water drains.",
    ],
)
def test_what_an_answer_is_about_stays(answer: str) -> None:
    assert cleaned(f"{answer} {ADVICE}") == f"{answer} {ADVICE}"


@pytest.mark.parametrize(
    "read", ["I have seen the photo of the stem.", "I went through your soil report.", "I saw your pictures."]
)
@pytest.mark.parametrize("shown", ["It shows a rot.", "They are perfectly fine.", "This is suggestive of rust."])
def test_what_was_read_stays_where_the_next_sentence_says_what_it_shows(read: str, shown: str) -> None:
    assert cleaned(f"Hello. {read} {shown} {ADVICE}") == f"{read} {shown} {ADVICE}"
    assert cleaned(f"{ADVICE} {read} {shown} Cut it.") == f"{ADVICE} {read} {shown} Cut it."
    assert (
        cleaned(f"Hello. {read} It seems that you water it daily. {ADVICE}")
        == f"It seems that you water it daily. {ADVICE}"
    )


def test_what_was_read_goes_whole() -> None:
    assert cleaned(f"I reviewed your history and the photo attached to the question.. {ADVICE}") == ADVICE
    assert cleaned("After going through your concerns carefully i feel it is too wet.") == "I feel it is too wet."


@pytest.mark.parametrize(
    "read",
    [
        "I have gone through the photos of your fern (attachment removed to protect the user's identity), ",
        "I have read your query about your fern, ",
        "I have gone through your scan of the roots and ",
    ],
)
@pytest.mark.parametrize(
    "finding",
    [
        "as per the photos you have no torn roots.",
        "you have no torn roots.",
        "there is no torn root.",
        "your scan shows rot.",
        "in my opinion the roots are torn.",
    ],
)
def test_a_finding_behind_what_was_read_stays(read: str, finding: str) -> None:
    assert cleaned(f"Hi. {read}{finding} {ADVICE}") == f"{finding[0].upper()}{finding[1:]} {ADVICE}"


@pytest.mark.parametrize(
    "answer",
    [
        "I have gone through the photos of your fern, which show rot.",
        "I have gone through your photos showing rot on the stem.",
        "I have seen your photos that are full of rust.",
        "I have read your query about the scan, and it shows rot.",
    ],
)
def test_a_finding_that_needs_what_was_read_stays_with_it(answer: str) -> None:
    assert cleaned(f"{answer} {ADVICE}") == f"{answer} {ADVICE}"


@pytest.mark.parametrize(
    "read",
    [
        "I have read your query about the rust on the stem and in the leaf.",
        "I have read your query about your fern and the photo you have attached.",
        "I understand your concern about your fern, its age and its pot.",
    ],
)
def test_what_was_read_goes_without_a_finding(read: str) -> None:
    assert cleaned(f"{read} {ADVICE}") == ADVICE


@pytest.mark.parametrize(
    ("answer", "rest"),
    [
        ("hi mate, water it daily and wait.", "Water it daily and wait."),
        ("Hello pal, water it daily and wait.", "Water it daily and wait."),
        ("Dude, water it daily and wait.", "Water it daily and wait."),
        ("I realize that root rot may be very distressing. Water it daily.", "Water it daily."),
        ("Pal leaves need water daily.", None),
        ("Mate is a tea that needs water daily.", None),
        ("I realize that root rot may be deadly. Water it daily.", None),
        ("I know that rust can be annoying but harmless. Water it daily.", None),
    ],
)
def test_a_friend_is_greeted_and_pitied(answer: str, rest: str | None) -> None:
    assert cleaned(answer) == (rest or answer)


@pytest.mark.parametrize("greeting", ["Z Hello.", "e Hi,", "s Hi thanks for your question.", "M Dear sir,"])
def test_a_letter_that_got_in_goes_with_its_greeting(greeting: str) -> None:
    assert cleaned(f"{greeting} {ADVICE}") == ADVICE


@pytest.mark.parametrize(
    "first", ["X Dear is a brand.", "B Hey Jude is a song.", "C hello world prints a line.", "E hi-fi sets are loud."]
)
def test_a_letter_with_a_name_stays(first: str) -> None:
    assert cleaned(f"{first} {ADVICE}") == f"{first} {ADVICE}"


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        ("The reply is: Feeding it more will not help.", "Feeding it more will not help."),
        ("My answer to your question is: feed it less.", "Feed it less."),
        ("The answer is: No.", None),
        ("The answer is: 42 days.", None),
        ("The reply is late: feed it less now.", None),
    ],
)
def test_a_label_in_a_sentence_goes(first: str, rest: str | None) -> None:
    assert cleaned(f"{first} {ADVICE}").removesuffix(f" {ADVICE}") == (rest or first)
