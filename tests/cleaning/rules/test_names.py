"""Names go where the text says that they are names; adjectives, states and diagnoses behind "I am" stay."""

from __future__ import annotations

import pytest

from job.cleaning.rules.names import may_hold_a_name, ungreeted, unsigned, without_own_name

pytestmark = pytest.mark.examples


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        # a clause of its own
        ("Hello, my name is Anna Moss. Why is it yellow?", "Hello. Why is it yellow?"),
        ("My name is Anna. Why is it yellow?", "Why is it yellow?"),
        ("Hello. My name is Anna and it is yellow.", "Hello. It is yellow."),
        ("Hello,my name is Anna and it is yellow.", "Hello, it is yellow."),
        ("So my name is Anna and why is it yellow?", "Why is it yellow?"),
        ("my name is anna and i have a fern", "I have a fern"),
        ("Hi my name is anna moss, i have a fern", "Hi, i have a fern"),
        ("Hi, my name's Anna\nWhy?", "Hi.\nWhy?"),
        ("Hi, myself Anna. Why is it yellow?", "Hi. Why is it yellow?"),
        ("I am called Anna Moss. Why is it yellow?", "Why is it yellow?"),
        ("My name is O'Brien. Why?", "Why?"),
        ("My name is Anna, and welcome to my garden.", "Welcome to my garden."),
        ("Hello. My name is Anna, and why is it yellow?", "Hello. Why is it yellow?"),
        ("My name is José Muñoz-García. Why?", "Why?"),
        ("The fern is ill and my name is Anna.", "The fern is ill."),
        ("One line\nMy name is Anna.\nOne more", "One line\nOne more"),
        # in mid-sentence
        ("You know my name is Anna because I said so.", "You know my name is [name] because I said so."),
        ("My name is Mr. Moss I have a fern", "My name is [name] I have a fern"),
        ("My name is Anna.", "My name is [name]."),
        # by an age
        ("I am Anna, 35 years old.", "I am 35 years old."),
        ("I'm Anna Moss, 35 yrs.", "I'm 35 yrs."),
        ("I’m Anna, a 35 y/o.", "I’m a 35 y/o."),
        ("This is Anna, 35 F.", "This is 35 F."),
        ("I am Mr. Good, 60 years.", "I am 60 years."),
        # at the beginning
        ("Hi, I am Anna. Why?", "Hi. Why?"),
        ("I am Dr. Fern. Water it.", "Water it."),
        ("I am Anna from Delhi and it is yellow", "I am from Delhi and it is yellow"),
        ("I am Anna and I ask why.", "I ask why."),
        ("I am Anna, mother of two.", "I am [name], mother of two."),
        ("Hi Doc, I am Anna ( female )", "Hi Doc, I am [name] ( female )"),
        ("I am Anna.", "I am [name]."),
    ],
)
def test_the_own_name_goes(text: str, rest: str) -> None:
    assert may_hold_a_name(text)
    assert without_own_name(text) == rest
    assert without_own_name(rest) == rest


@pytest.mark.parametrize(
    "text",
    [
        "I am Pregnant 24 years old.",
        "I am Diabetic, 60 years old.",
        "I am Hypothyroid 35 F",
        "I am Worried. Why is it yellow?",
        "I am Indian, 30 years old.",
        "I am Sick. Help me.",
        "I am Female 24 years",
        "This is Arthritis, 50 years old",
        "I am Anxious and I cannot sleep.",
        "I am Single, 30 years.",
        "This is Asthma, 3 years now.",
        "This is Stage 3 years after.",
        "my name is not important.",
        "My name is on the list.",
        "my name is spelled wrong, sorry.",
        "I hurt myself Monday.",
        "He asked for my name. Anna knew.",
        "I am called every day, often twice.",
        "I am here. Anna is not.",
        'She said: "My name is Anna." Then she left.',
        "I am Very Happy. Thanks.",
    ],
)
def test_other_words_stay(text: str) -> None:
    assert without_own_name(text) == text


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Why? Thanks, Anna Moss", "Why? Thanks."),
        ("Thanks, Anna", "Thanks."),
        ("Why? Many thanks Anna", "Why? Many thanks."),
        ("Water it. Best regards,\nAnna Moss", "Water it. Best regards."),
        ("Water it. Thank you Dr. Moss", "Water it. Thank you."),
        ("Water it.\nWith love,\nAnna", "Water it.\nWith love."),
        ("Water it.\nSincerely, Prof. Anna Moss, PhD", "Water it.\nSincerely."),
        ("Why?RegardsAnna", "Why?Regards."),
        ("Why? Dr. John Fern, MD", "Why?"),
        ("Why? Doctor John Fern", "Why?"),
        ("Water it.\nDr. John Fern\nMBBS, MD\nCardiologist", "Water it."),
        ("Water it. Dr. John Fern, M.D.", "Water it."),
        ("Why?\n– Anna Moss", "Why?"),
        ("Why is it yellow\n- Anna Moss", "Why is it yellow"),
        ("Why? — Anna", "Why?"),
        ("Why? ~ Anna", "Why?"),
        (
            "Water it.\n\nBest regards,\nAnna Moss\nSenior Gardener\nCall 555-123-4567 today",
            "Water it.\n\nBest regards,\nSenior Gardener\nCall 555-123-4567 today",
        ),
        ("Water it.\n\nSincerely yours,\n\nA. Moss", "Water it.\n\nSincerely yours."),
        ("Water it.\nKind regards\nANNA VON MOSS, MD\nSent by hand", "Water it.\nKind regards,\nSent by hand"),
        ("Water it. Cheers!\nanna\n", "Water it. Cheers!"),
        ("Thanks,\nDr. Moss\nMist it too.", "Thanks,\nMist it too."),
    ],
)
def test_a_signature_goes(text: str, rest: str) -> None:
    assert unsigned(text) == rest


@pytest.mark.parametrize(
    "text",
    [
        "I love Paris.",
        "Nobody thanks Anna.",
        "Thanks, Doctor",
        "Thanks. Waiting",
        "Thanks,\nThe Support Team",
        "Kind regards\nSales Department",
        "Thank you\nWater it twice a week.",
        "Thanks\nanyone here who knows?",
        "Eat:\n- Apples\n- Green Tea",
        "Eat this:\n- Green Tea",
        "Two teas.\n- Black Tea\n- Green Tea",
        '"Water it." - Anna Moss',
        "See a doctor. Doctor Fern knows more about it.",
        "Dr. Fern",
        "Water it. Dr. Fern " + "A." * 45 + "x",
    ],
)
def test_what_signs_nothing_stays(text: str) -> None:
    assert unsigned(text) == text


@pytest.mark.parametrize(
    ("text", "masked", "cut"),
    [
        ("Dear Mr. Moss, water it.", "Dear [name], water it.", "Dear [name], water it."),
        ("Dear Ms Moss I would water it.", "Dear [name] I would water it.", "Dear [name] I would water it."),
        ("Hi Anna, water it.", "Hi [name], water it.", "Hi, water it."),
        ("Yes.\nHello Anna Moss!\nWater it.", "Yes.\nHello [name]!\nWater it.", "Yes.\nHello!\nWater it."),
        ("Good morning Anna. Water it.", "Good morning [name]. Water it.", "Good morning. Water it."),
    ],
)
def test_a_name_in_a_greeting_goes(text: str, masked: str, cut: str) -> None:
    assert (ungreeted(text, cut=False), ungreeted(text, cut=True)) == (masked, cut)
    assert ungreeted(masked, cut=False) == masked
    assert ungreeted(cut, cut=True) == cut


@pytest.mark.parametrize(
    "text",
    [
        "Hello World!",
        "Dear Doctor, why?",
        "Dear Sir or Madam, why?",
        "Dear Dr. Since last week it is yellow",
        "Hi Unfortunately, no.",
        "Hello It is yellow, and why?",
        "Hi Team, why?",
        "Say hi Anna, she said.",
        "Good Day, all.",
    ],
)
def test_other_greetings_stay(text: str) -> None:
    assert ungreeted(text, cut=False) == text


def test_whom_one_comforts_is_not_named() -> None:
    for said in ("Don't worry megan everything will be fine.", "Don't worry, Megan, everything will be fine."):
        assert ungreeted(said, cut=False) == "Don't worry, everything will be fine."
    for said in ("Don't worry about this is common.", "Don't worry mam you will be fine."):
        assert ungreeted(said, cut=False) == said
