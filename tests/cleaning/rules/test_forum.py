"""Boilerplate goes, and above all: what is none stays."""

from __future__ import annotations

import pytest

from tests.cleaning.rules.one_row import ADVICE, cleaned

pytestmark = pytest.mark.examples

MORE = " ".join(f"Pot {number} has {number} ml." for number in range(12, 60))
LONG = ", ".join(f"pot {number} gets {number} ml" for number in range(12, 30))
"""More than 320 characters without a stop."""


@pytest.mark.parametrize(
    "opening",
    [
        "Hello, ",
        "Hi. ",
        "HI, thanks for using LeafTalk. ",
        "Dear user, welcome to Leaf Talk forum. ",
        "Hello and welcome to LeafTalk. I have gone through your query. ",
        "Good morning, I am Dr. Fern and I will answer your question. ",
        "Thank you for your question. I understand your concern. ",
        "As a plant care assistant, I'd be happy to help you with that! ",
        "Great question! ",
        "Hi Anna, ",
        "Dear Mr. Moss, thank you for writing in. ",
        "I can understand your situation and problem. ",
        "I have read your query carefully and I understand your concern. ",
        "That is a very interesting question and I appreciate your trust. ",
        "It is one of its kind and the best question that I have got about ferns. ",  # 16 words, one unknown
        "I hope this letter finds your garden in bloom. ",
    ],
)
def test_openings_go_and_the_first_sentence_stays(opening: str) -> None:
    assert cleaned(opening + ADVICE) == ADVICE


@pytest.mark.parametrize(
    "mangled",
    [
        "HiT hanks for the query. ",  # a displaced blank
        "HelloThanks for your query. ",  # a lost one
        "Hi, dairy have gone through your question. ",  # a spell-checker's word
        "Hello rearward welcome to LeafTalk. ",
        "Howell come to LeafTalk. ",
        "Degree understand your concerns. ",
        "Welcome to the LeafTalkI understand your concern. ",
    ],
)
def test_mangled_openings_go_too(mangled: str) -> None:
    assert cleaned(mangled + ADVICE) == ADVICE


@pytest.mark.parametrize(
    "opening",
    [
        # Run together with the next word.
        "hithere. ",
        "hellothanks for asking. ",
        "thankyoufor your question. ",
        "ThanksFor posting your query. ",
        "HelloI have read your question. ",
        "HiDear, thanks for the question. ",
        # Misspelt thanks and welcomes.
        "Tahnks for your question. ",
        "Thansk for the query. ",
        "Thnaks. ",
        "Hi abd welcome to our forum. ",
        # Letterheads, labels, and what is left of a domain or of a name.
        "Department of Ferns, North Hospital. ",
        "Fern Clinic, Leeds. ",
        "North Garden Support Team: ",
        "Brief Answer: ",
        "com ",
        "LeafTalk Answers. ",
        "Thank you for contacting LeafTalk with your plant concerns. ",
        "Thanks for posting the query, ",
        # What the writer will do.
        "I have gone through your query and reports with diligence and would like you to know that I am here to help you. ",
        "I totally understand your worry. ",
        "As a gardener, I can understand your concern. ",
        "I will try my best to answer your query. ",
        "You have raised a very pertinent question. ",
    ],
)
def test_openings_of_every_class_go(opening: str) -> None:
    assert cleaned(opening + ADVICE) == ADVICE


@pytest.mark.parametrize(
    ("answer", "rest"),
    [
        ("I am Dr. Fern. Water it twice a week.", "Water it twice a week."),
        ("I am Dr. A. B. Fern MD. Water it twice a week.", "Water it twice a week."),
        (
            "I read carefully your question and would explain that ferns like shade.",
            "I would explain that ferns like shade.",
        ),
        ("I will try my best to answer your query ferns like shade and peat.", "Ferns like shade and peat."),
        ("Hope your other pots, mainly peat, sand, bark and lava, are deep enough. Water it.", None),
        ("If you wish for more leaves then you can use the food for ferns that is sold in spring. Water it.", None),
        ("Clinic staff should water it. It is dry.", None),
        ("Department stores sell it. It is cheap.", None),
    ],
)
def test_an_opening_never_takes_what_says_something(answer: str, rest: str | None) -> None:
    assert cleaned(answer) == (rest or answer)


@pytest.mark.parametrize(
    ("answer", "rest"),
    [
        ("Hello thanks for your question water it twice a week.", "Water it twice a week."),
        ("Hi there can be mould in the soil.", "There can be mould in the soil."),
        (
            "I understand your concern and would explain that ferns like shade.",
            "I would explain that ferns like shade.",
        ),
        ("I have read your query and the reports and it is mould.", "It is mould."),
        ("After going through your query I think it is mould.", "I think it is mould."),
        ("HI, thanks for using Leaf Talk Peat helps the roots to breathe.", "Peat helps the roots to breathe."),
        ("Howell come to Leaf Talk Peat helps the roots to breathe.", "Peat helps the roots to breathe."),
        ("LeafTalk Peat helps the roots to breathe.", "Peat helps the roots to breathe."),
    ],
)
def test_a_missing_full_stop_does_not_cost_the_first_sentence(answer: str, rest: str) -> None:
    assert cleaned(answer) == rest


@pytest.mark.parametrize(
    "closing",
    [
        " Hope this helps.",
        " Hope I have answered your question. Let me know if I can assist you further.",
        " Regards, LeafTalk team.",
        " Wish you good health. Take care.",
        " If you have any more questions, do write back. Best wishes.",
        " Thanks. Dr. Fern",
        "\n\nKind regards,\nLeaf Talk",
        " RegardsJay Moss, LeafTalk.",
        " For more information consult a gardener online -->",
        " For more information consult a gardener online --> <link>",
        " Revert back with pictures to a gardener online.",
        " I will be happy to answer your further questions on bit.ly/ LeafTalk.",
        " With the grace of God I wish your garden a good year. Regards",
        " Please do not hesitate to ask in case of any further doubts. LeafTalk. Senior Specialist.",
        " However, if you have a doubt then get back to me.",
        " (If the answer has helped you, please indicate this) Best of luck.",
        " Thank you for choosing LeafTalk. Have a nice day!!",
        " And a good night!",
        " Ferns of all kinds are shown on my website.",
        " All good wishes. Anna Moss",
        " All good wishes. Anna Moss, plant advisor",
        " All good wishes. .",
    ],
)
def test_closings_go_and_the_full_stop_stays(closing: str) -> None:
    assert cleaned(ADVICE + closing) == ADVICE


@pytest.mark.parametrize(
    "closing",
    [
        # Stars, votes, ratings.
        " Please rate this answer with five stars.",
        " Five star rating would be appreciated.",
        " Do vote for my answer if you liked it.",
        " Kindly give me a thumbs up!",
        " Please hit the thanks button below.",
        " If this helped you, click on the star.",
        " Do write a review on my page.",
        " Kindly leave feedback.",
        # Chats, calls, follow-ups.
        " You can chat with me any time.",
        " Call me again if you need.",
        " Follow up with me next week.",
        " Follow-up if you need any more information.",
        " You may connect with me again for a video session.",
        " Book a call with our experts.",
        " Message us on WhatsApp.",
        " Come back any time.",
        " I would love to hear from you again.",
        # A long and happy life.
        " Wishing you a long and healthy life.",
        " May you live long and happy.",
        " Stay healthy and live long.",
        " Have a happy and healthy life ahead!",
        " Pray for your quick recovery.",
        " speedy recovery wishes to your mom.",
        " hope he gets well soon.",
        " feel better soon",
        # Misspelt.
        " Thnaks and reagrds.",
        " Thansk.",
    ],
)
def test_closings_of_every_class_go(closing: str) -> None:
    assert cleaned(ADVICE + closing) == ADVICE


@pytest.mark.parametrize(
    "phrase",
    [
        "…hope this helps",
        "goodluck",
        "goid luck",
        "thankyou",
        "get well soon 🙂",
        " …best.",
        " thanks for more queries.",
        "Thanks for asking.",
    ],
)
def test_a_closing_that_lost_its_blank(phrase: str) -> None:
    assert cleaned(ADVICE[:-1] + phrase) == ADVICE


@pytest.mark.parametrize(
    ("sentence", "rest"),
    [
        ("Hope this helps, but stop feeding if the tips turn brown.", "Stop feeding if the tips turn brown."),
        ("Hope this helps and do not forget the feed on day 7.", "Do not forget the feed on day 7."),
        ("Keep the pot moist and let me know.", "Keep the pot moist."),
        ("Remove the brown leaves and revert back to a gardener online -->", "Remove the brown leaves."),
        (
            "If the mould stays even in a dry place, consult a gardener online --> <link>",
            "If the mould stays even in a dry place, consult a gardener.",
        ),
        ("It should be fine thanks.", "It should be fine."),
        ("Your fern will be fine thanks.", "Your fern will be fine."),
        ("Do these things and provide your valuable feedback.", "Do these things."),
    ],
)
def test_of_a_sentence_that_says_something_the_polite_part_alone_goes(sentence: str, rest: str) -> None:
    assert cleaned(f"Fill the pot with peat. {sentence}") == f"Fill the pot with peat. {rest}"


@pytest.mark.parametrize(
    "sentence",
    [
        "Thanks for the photo, the fern has mould.",
        "If you have any doubt, call your doctor at once.",
        "If you still have queries, then lift it out of the pot and look at the roots.",
        "Feel free to drink water before the test.",
        "Please call your doctor if the pain gets worse.",
        "Do not hesitate to go to the hospital if it bleeds.",
        "Good luck, and repeat the dose after eight hours.",
        "Take care to wash the wound daily.",
        "Wish you well, avoid salt.",
        "See a doctor if you have concerns.",
        "You can talk to your doctor about any concerns.",
        "Contact the clinic if the fever is over 39.",
        "Contact your health care professional if it is red.",
        "Have a healthy diet.",
        "Have a good day's rest after each session.",
        "Enjoy a long walk each day.",
        "Get well water tested for lead.",
        "Rate of growth is slow in winter.",
        "Review with your doctor in a week.",
        "Click on the button at the top.",
        "Close the cap of the bottle.",
        "Let your doctor know about the fever.",
        "May is the best month for planting.",
        "I hope you are not on lime water.",
        "I hope you will stop feeding.",
        "I hope that your gardener will do a soil test.",
        "Wish you all the best with the cutting, keep the stem dry.",
        "Consult the online dose table.",
        "The follow up of this trial is online.",
        "You will have a good night.",
        "Water it at a good time.",
        "I hope it is only a strain.",
        "Hope your pot is under control.",
        "Hope you had the frost cover on.",
        "Hope you avoid tap water.",
        "It will be fine.",
        "I hope you understand that rather than at home, it is better done under the eyes of a gardener nearby.",
        "Its causes are cold, draught, or a lack of vitamin A",
        "It is diagnosed by the following tests: Soil acidity",
    ],
)
def test_a_last_sentence_that_only_begins_like_a_goodbye_stays(sentence: str) -> None:
    assert cleaned(f"Fill the pot with peat. {sentence}") == f"Fill the pot with peat. {sentence}"


def test_no_condition_is_left_without_its_clause() -> None:
    sentence = "Whenever you have a frost, let me know."
    assert cleaned(f"{sentence} Fill the pot.") == f"{sentence} Fill the pot."


def test_an_answer_of_nothing_but_a_goodbye_goes() -> None:
    assert cleaned("For more information consult a dermatologist online -->") == "nothing_but_boilerplate"
    assert cleaned("Take care.") == "nothing_but_boilerplate"


def test_a_short_goodbye_in_the_middle_goes() -> None:
    assert cleaned(f"Fill the pot. Take care. {ADVICE}") == f"Fill the pot. {ADVICE}"
    assert (
        cleaned(f"Fill the pot. Take care of the roots. {ADVICE}") == f"Fill the pot. Take care of the roots. {ADVICE}"
    )


@pytest.mark.parametrize(
    "closing",
    [
        " Have a nice day.",
        " All good wishes. Anna Moss",
        " All good wishes. Gardeners In The Far North LeafTalk",
        " Anna Moss gardens at LeafTalk.",
    ],
)
@pytest.mark.parametrize("text", ["Water it well.", "Fill the pot. Press the soil. Water it well."])
def test_a_closing_goes_behind_one_sentence_and_behind_three(text: str, closing: str) -> None:
    assert cleaned(f"{text}{closing}") == text


def test_the_name_of_the_forum_is_a_closing_in_a_sentence_of_five_words() -> None:
    assert cleaned("Water it well. Anna Moss gardens here at LeafTalk.") == "mostly_scrubbed"  # six: it said something
    assert cleaned(f"{MORE} Boil the roots and LeafTalk.") == f"{MORE} Boil the roots."


def test_the_name_of_the_forum_ends_an_opening_of_three_words() -> None:
    assert cleaned(f"Ferns grew once on LeafTalk roofs. {MORE}") == MORE  # of four: the sentence goes whole


@pytest.mark.parametrize(
    ("answer", "rest"),
    [
        ("Water it twice a week. Thank you, that’s a great question. Keep it out of the sun.", ADVICE),
        (f"Look at it (attachment removed to protect the user's identity). {ADVICE}", f"Look at it. {ADVICE}"),
        (f"Look at it [picture deleted for privacy]. {ADVICE}", f"Look at it. {ADVICE}"),
    ],
)
def test_boilerplate_between_sentences_and_notes_in_place_of_pictures_go(answer: str, rest: str) -> None:
    assert cleaned(answer) == rest


@pytest.mark.parametrize(
    "closing", [" Hope this helps", " take care", " Good luck", "good luck", ", all the best.", " Thanks"]
)
def test_a_closing_without_a_stop_before_it(closing: str) -> None:
    assert cleaned(ADVICE[:-1] + closing) == ADVICE


def test_a_writer_without_capitals_says_goodbye_in_small_letters() -> None:
    lower = ADVICE.lower()
    assert cleaned(f"{lower[:-1]} good luck") == lower


def test_a_sentence_that_was_cut_off_goes() -> None:
    assert cleaned(f"{ADVICE} The treatment of mould is as follows") == ADVICE
    assert cleaned(f"{ADVICE} Feed it with a mix of the Take care.") == ADVICE
    assert cleaned(f"{ADVICE} For mould try the following measures") == ADVICE
    assert cleaned("The pests that come to ferns include") == "cut_off"


@pytest.mark.parametrize(
    "text",
    [
        ADVICE,
        "Thanks to its thick leaves it needs little water. Hope is not a plan, a calendar is.",
        "Higher pots hold more water.\n\n1. Fill the pot.\n2. Press the soil down.",
        "Take care of the roots when you cut it.",
        "Dearth of light makes it pale. High places are warm.",
        "Welcome rain falls in May. The fern drinks it.",
        "pH matters most. Dr. Moss measured 5.5 vs. 6.5 in pots.",
        "Regard the soil as a sponge. It holds what the roots need.",
        "The question is whether it gets light. In the north it does not.",
        "I wish the pot were larger, because roots need room.",
        "Fertiliser feeds it. If you see any further yellow leaves, water less.",
        "Its leaves (which fall in autumn) are best left on the ground",
        "Contact with cold glass harms the leaves. Call it frost burn.",
        "Chop the roots first. Then press the soil.",
        "If you have any doubt about its roots, lift it out of the pot and look at them.",
        "This will make your day. Water it now and then.",
        "This is good for ferns. They like shade.",
        "Keep it dry. Thank you for your fern question, said the cat. Keep it warm.",
        "Keep it dry. Thank the fern in your question. Keep it warm.",
        "Keep it out of the sun. Turn it once a day.",
        "Keep it out of the sun. Curly leaves need water.",
        f"Keep it dry. {LONG} that you will thank me for. Keep it warm.",
        f"I hope that {LONG}",
        f"Keep it dry. I hope that {LONG}.",
    ],
)
def test_text_without_boilerplate_comes_back_unchanged(text: str) -> None:
    assert cleaned(text) == text
