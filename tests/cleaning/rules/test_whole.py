"""Sentences that are boilerplate as a whole go; one that goes on with something else stays."""

from __future__ import annotations

import pytest

from tests.cleaning.rules.one_row import ADVICE, cleaned

pytestmark = pytest.mark.examples


@pytest.mark.parametrize(
    "last",
    [
        "Sent from my iPhone",
        "Sent from my iPad.",
        "Sent from my Samsung Galaxy smartphone.",
        "Sent from Mail for Windows 10",
        "Get Outlook for iOS",
        "Sent via mobile, please excuse typos.",
        "Please excuse my typos.",
        "Sorry for any typos.",
        "Please rate this answer with 5 stars.",
        "Kindly rate my answer 5 stars if you are satisfied.",
        "If you liked this, please leave a 5-star rating.",
        "A 5 star rating would be appreciated.",
        "Don't forget to rate!",
        "Follow me for more.",
        "Follow me for more tips!",
        "Follow us on Instagram.",
        "Like and subscribe!",
        "Don't forget to like and subscribe.",
        "Please subscribe to my channel.",
        "Please like and share.",
        "xoxo",
        "XOXO, Anna",
        "xx",
        "Hugs",
        "Lots of love",
        "Love, Anna",
        "Ciao!",
        "TTYL",
        "HTH",
        "HTH!",
        "Hope this helps! :-)",
        "Happy gardening!",
        "Happy coding!",
        "Just my two cents.",
        "Just my 2 cents.",
        "My 2c.",
        "If you have any more questions, fire away.",
        "Feel free to PM me.",
        "DM me if you have questions.",
        "Please mark this as the accepted answer if it helped.",
        "We appreciate your business.",
        "We value your feedback.",
        "Have a great rest of your day!",
        "Thanks in advance.",
        "Cheers, mate!",
        "EDIT: Thanks for the silver, kind stranger!",
        "Edit 2: wow, thank you so much for all the upvotes.",
        "PM me if u need the list, good luck!",
        "Thnx n regards",
        "Thanks & kind regards",
        "That's all from my side.",
        "Is there anything else?",
        "We appreciate your patience while waiting for our reply.",
        "This e-mail and any attachments are confidential and intended solely for the named recipient.",
        "Do write back how it goes",
        "Kindly report back on15 days.",
        "Please reply so we can go further with the rot.",
        "Please write back so that I can advise you how to proceed with it.",
        "Kindly review with further details.",
        "Please follow up with the results of the treatment.",
        "The scan can be sent here, for an expert opinion.",
        "I will be happy to review any pictures that you may have already taken.",
        "I should be able to give you more inputs if I see the reports.",
        "Would you like me to list ferns for the shade?",
        "I am really sorry for this.",
        "Sorry for the bad news.",
        "I am so sorry to be the bearer of bad news!",
        "Sorry I could not be of more help.",
        "After seeing your pictures, I can give my comments about the fern.",
        "Hope this clarifies. Ask again if anything is unclear,",
        "Please ask again if anything more to know.",
        "dr. anna moss",
        "Please visit our clinic, we will help you.",
        "Call us at the clinic, and we can treat you.",
        "With a dentist online.",
        "Consult with a dentist online",
        "waiting for ur reply",
    ],
)
def test_the_last_words_of_mails_and_channels_go(last: str) -> None:
    assert cleaned(f"{ADVICE} {last}") == ADVICE
    assert cleaned(f"{ADVICE}\n\n{last}") == ADVICE


@pytest.mark.parametrize(
    "first",
    [
        "Hy there,thanks 4 ur question.",
        "I appreciate your patience while waiting for my answer.",
        "Sorry for the late reply.",
        "Sorry for the late reply!",
        "Apologies for the delay in replying.",
        "I apologize for the delayed response.",
        "Sorry for my late answer.",
        "Sorry it took me so long to answer.",
        "Sorry for the delay.",
        "Sorry for the wait.",
        "Sorry to bother you.",
        "Sorry for my bad English.",
        "Hi guys,",
        "Hey everyone!",
        "Hello everybody,",
        "Hi folks,",
        "Hi all!",
        "Good question!",
        "Great question!",
        "That is a really good question.",
        "Thanks for asking!",
        "Thanks for reaching out to us.",
        "Thank you for contacting LeafTalk support.",
        "Thank you for your message.",
        "I'm glad you asked.",
        "I am happy to help with that!",
        "I'd be happy to help.",
        "Sure thing!",
        "Hope you are doing well.",
        "I hope this message finds you well.",
        "Hope you're well!",
        "Welcome back!",
        "Long time lurker, first time poster.",
        "First time poster here.",
        "Hi, my name is Dr. Fern and I will be helping you today.",
        "Thanks for the A2A.",
        "Thanks for A2A!",
        "As an AI language model, I am happy to help.",
        "Thank you for bringing this to our attention.",
        "We are sorry for the inconvenience.",
        "We apologize for any inconvenience caused.",
        "I analyzed the symptoms which you had provided to me.",
        "I have checked the attached reports.",
        "I have carefully read all the details provided by you and here is the solution.",
        "I have gone through what you have mentioned and understand your anxiety about your fern's roots.",
        "The images you have posted.",
        "May God give you strength and patience.",
        "I went through your post which has nicely described the events.",
    ],
)
def test_excuses_and_praise_at_the_beginning_go(first: str) -> None:
    assert cleaned(f"{first} {ADVICE}") == ADVICE
    assert cleaned(f"{first}\n\n{ADVICE}") == ADVICE


@pytest.mark.parametrize(
    "sentence",
    [
        "Sent from my phone, the photo lost its date.",
        "Rate the heat with five stars if it burns.",
        "Follow me is a song of 1977.",
        "Follow the wall for more light.",
        "Subscribe to the newsletter of the nursery.",
        "Mark this as the north side.",
        "Happy hour begins at five.",
        "They lived to a happy ending.",
        "Sorry for the delay is what the driver says.",
        "Hugs calm a child.",
        "A 5 star hotel has a lift.",
        "Any questions go to the head gardener.",
        "Sorry, the fern cannot be saved.",
        "No problem!",
        "Edit: thanks for the tip about gold leaf, I changed the pot.",
        "This message is confidential.",
        "That is all from the north side.",
        "Is there anything else in the pot?",
        "Do write back the letters on the label.",
        "Please follow up with a gardener.",
        "Please follow up with the results at your clinic.",
        "Contact our office and they will help you with the refund.",
        "Thanks for the help of frost, I lost a pot.",
        "May the fern live long without light.",
        "The scan can be sent to the printer.",
        "The pictures you have posted are too dark.",
        "I checked the results twice a week for a year.",
        "I will do it and the roots will rot.",
        "Dr. Anna Moss agrees.",
        "Sorry for that pot.",
        "Do you want the pot to be red?",
    ],
)
def test_a_sentence_that_goes_on_stays(sentence: str) -> None:
    assert cleaned(f"{ADVICE} {sentence}") == f"{ADVICE} {sentence}"
    assert cleaned(f"{sentence} {ADVICE}") == f"{sentence} {ADVICE}"


@pytest.mark.parametrize(
    "answer",
    [
        "Please visit our clinic, we will help you.",
        "I will try it and let you know.",
        "Hence I advise you to consult a plant specialist online for treatment accordingly -->",
        "Thank you Dr Moss I appreciate the reply and will look at the roots just to ease my mind",
        "I can't thank you enough!",
    ],
)
def test_an_answer_that_only_sends_elsewhere_or_thanks_says_nothing(answer: str) -> None:
    assert cleaned(f"Thank you. {answer}") == "nothing_but_boilerplate"
    assert cleaned("Please see a doctor.") == "Please see a doctor."


def test_a_goodbye_goes_that_lost_its_blank_or_stands_behind_a_condition() -> None:
    assert cleaned(f"{ADVICE} It may need waterwaiting ur reply?") == f"{ADVICE} It may need water."
    whole = "If it droops, consider a pot of peat & sand"
    assert cleaned(f"{ADVICE} {whole} Hope this helps.") == f"{ADVICE} {whole}."


@pytest.mark.parametrize("apology", ["I am so sorry get well soon", "Sorry.", "I'm really sorry. Get well soon!"])
def test_half_a_wish_leaves_no_lone_apology(apology: str) -> None:
    assert cleaned(f"{ADVICE} {apology}") == ADVICE


@pytest.mark.parametrize(
    "read",
    ["After going through your query and report,", "Having gone through your query,", "I have read your query and"],
)
def test_what_was_not_found_is_no_courtesy(read: str) -> None:
    finding = f"{read} you do not have any problem."
    assert cleaned(f"{ADVICE} {finding}") == f"{ADVICE} {finding}"
    assert cleaned(f"{ADVICE} {read} I understand your concern.") == ADVICE
    assert cleaned(f"{ADVICE} I have read your query and you do not need to worry.") == ADVICE


@pytest.mark.parametrize(
    "wish",
    [
        "Thank you for seeing a gardener about it already.",
        "Thanks for agreeing to the soil test.",
        "First off, congratulations on the new garden.",
        "Have a smooth recovery.",
        "Have a great trip.",
        "Enjoy the holidays.",
        "Thanks a lot for getting the soil test so soon.",
        "Enjoy a pleasant, injury-free trip.",
    ],
)
def test_thanks_for_what_was_done_and_wishes_go(wish: str) -> None:
    assert cleaned(f"{wish} {ADVICE}") == ADVICE
    assert cleaned(f"{ADVICE} {wish}") == ADVICE


@pytest.mark.parametrize(
    "sentence",
    [
        "Have a light supper.",
        "Enjoy a comfortable ride by lowering the seat.",
        "Have a full recovery plan for the lawn.",
        "Thank you for repotting it and keep it out of the wind.",
        "Thanks for repotting, which was overdue in this soil.",
        "Congratulations on the new fern, which needs shade.",
    ],
)
def test_what_only_sounds_like_a_wish_stays(sentence: str) -> None:
    assert sentence in cleaned(f"{sentence} {ADVICE}")
    assert sentence in cleaned(f"{ADVICE} {sentence}")


@pytest.mark.parametrize(
    "apology",
    [
        "Sorry for posting twice.",
        "Sorry for the double post.",
        "Sorry, I posted this twice.",
        "Apologies for sending the same answer twice.",
        "Sorry, my reply got posted twice by mistake.",
        "Please ignore the duplicate message.",
        "Sorry for the repetition.",
    ],
)
def test_an_apology_for_an_answer_that_came_twice_goes(apology: str) -> None:
    assert cleaned(f"{ADVICE} {apology}") == ADVICE
    assert cleaned(f"{apology} {ADVICE}") == ADVICE


@pytest.mark.parametrize(
    "sentence",
    [
        "Sorry, it must be watered twice.",
        "Sorry, the rust came back twice.",
        "Ignore the second leaf.",
        "Apply it twice, and sorry to repeat it.",
        "Let me help you lift it.",
        "Let me answer with a picture of the leaf.",
    ],
)
def test_what_happens_twice_or_is_done_stays(sentence: str) -> None:
    assert cleaned(f"{sentence} {ADVICE}") == f"{sentence} {ADVICE}"


@pytest.mark.parametrize(
    "answer",
    [
        "Hello, I am Dr. Moss and I will be answering your question today.",
        "Hi. I am Dr. Moss, a botanist with ten years of experience. I will help you with your query today.",
        "Hello dear, I am Dr. Moss answering your concern regarding ferns.",
        "Thank you for your query. Let me try to answer it for you.",
        "Hi. I had gone through your question and understand your concerns. Here is my answer:",
        "Get back with the soil reports to a botanist online.",
        "Revert with the photos of the leaf to a botanist online -->",
    ],
)
def test_an_answer_of_nothing_but_its_beginning_goes(answer: str) -> None:
    assert cleaned(answer) == "nothing_but_boilerplate"


def test_whom_to_go_back_to_with_reports_stays() -> None:
    for advice in (
        "Get back to the gardener with the soil reports.",
        "I am a gardener with ten years of ferns behind me.",
    ):
        assert cleaned(advice) == advice


@pytest.mark.parametrize(
    "last",
    [
        "Keep smiling and stay well.",
        "Stay safe, be happy and keep well",
        "I pray that your family finds peace again soon.",
        "We are praying that he will be well again",
        "Praying that she is well soon.",
        "sorry about your trouble.",
        "I am really sorry for all your pain.",
        "Ask me a private question on this portal.",
        "Please put your question to us by private message on this site.",
        "You may contact me by a private message here.",
        "once you write back we can continue with treatment.",
        "As soon as you reply, I will go on with the next steps",
        "I would ask you to add the scan sheet so that it becomes clearer.",
        "Kindly attach your soil report so the picture gets clear.",
        "I fully see how annoying that must be.",
    ],
)
def test_wishes_sympathy_and_requests_at_the_end_go(last: str) -> None:
    assert cleaned(f"{ADVICE} {last}") == ADVICE


@pytest.mark.parametrize(
    "last",
    [
        "Keep the stem well supported and stay out of the bed.",
        "Keep smiling plants and stay well below the frost line.",
        "I pray that he stops feeding it salt.",
        "I pray that she is well above the frost line.",
        "We wish you had repotted it.",
        "I pray that your gardener finds the cause.",
        "I am sorry about your fern, which needs a new pot.",
        "Sorry about your pain in the wrist from digging.",
        "Ask your gardener a private question on this portal.",
        "Reach us directly from the road behind the nursery.",
        "Once you reply we can start with copper.",
        "When the gardener writes back he can continue with treatment.",
        "I would ask you to add some lime so that it becomes clearer.",
        "I see how painful it is to kneel on the gravel.",
        "I know how hard the soil is.",
    ],
)
def test_what_only_begins_like_them_stays(last: str) -> None:
    assert cleaned(f"{ADVICE} {last}") == f"{ADVICE} {last}"


@pytest.mark.parametrize(
    ("first", "goes"),
    [
        ("hello, what a sad thing to read.", True),
        ("What a terrible ordeal for your family!", True),
        ("What a painful wound the frost has left.", False),
        ("Having studied your details, let me give a short overview.", True),
        ("After looking through all your messages, I would like to give you my honest opinion on this matter.", True),
        ("Having studied your details, let me give it a name.", False),
        ("Having studied ferns, let me give some advice on lime.", False),
    ],
)
def test_sympathy_and_a_promised_answer_at_the_beginning_go(first: str, *, goes: bool) -> None:
    assert cleaned(f"{first} {ADVICE}") == (ADVICE if goes else f"{first} {ADVICE}")


def test_an_answer_that_only_promises_one_goes() -> None:
    assert cleaned("Having studied your details, let me give a short overview.") == "nothing_but_boilerplate"
