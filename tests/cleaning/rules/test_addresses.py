"""The reader's name or a greeting behind the first words goes; the words themselves stay where they are content."""

from __future__ import annotations

import pytest

from tests.cleaning.rules.one_row import ADVICE, cleaned

pytestmark = pytest.mark.examples


@pytest.mark.parametrize(
    ("sentence", "rest"),
    [
        ("Hi, the soil should be dry.", "The soil should be dry."),
        ("Hi the soil should be dry in winter.", "The soil should be dry in winter."),
        ("Hello dear, keep the soil dry.", "Keep the soil dry."),
        ("Hello, he said.", None),
        ("Hello Kitty likes ferns.", None),
        ("Hi is a word.", None),
        ("Hello, world is what it prints.", None),
    ],
)
def test_a_greeting_before_a_sentence_in_the_middle_goes(sentence: str, rest: str | None) -> None:
    behind = "Feed it in spring."
    assert cleaned(f"{ADVICE} {sentence} {behind}") == f"{ADVICE} {rest or sentence} {behind}"


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        ("Nothing to worry dear.", "Nothing to worry."),
        ("Well dear, it is a fern.", "Well, it is a fern."),
        ("Do not worry, dear, it is a fern.", "Do not worry, it is a fern."),
        ("Dear patient What is your pot?", "What is your pot?"),
        ("This old fern is dear.", None),
        ("All ferns are near and dear, to me at least.", None),
        ("The rare ones cost me dear.", "The rare ones cost me dear."),
    ],
)
def test_dear_goes_from_the_first_words(first: str, rest: str | None) -> None:
    assert cleaned(f"{first} {ADVICE}") == f"{rest or first} {ADVICE}"


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        ("hi dana … is there any rust?", "Is there any rust?"),
        ("hi megan, you have a fern.", "You have a fern."),
        ("hi megan i have gone through your query. It is rust.", "It is rust."),
        ("hi mould, rust and rot are common.", "Mould, rust and rot are common."),
        ("hi rust, the brown one, is common.", "Rust, the brown one, is common."),
        ("hi yes, you have a fern.", "Yes, you have a fern."),
        ("hi probably, you have a fern.", "Probably, you have a fern."),
        ("hi megan you should turn it.", "You should turn it."),
        ("hi mrs moss can you turn it?", "Can you turn it?"),
        ("hey megan. well then turn it.", "Well then turn it."),
        ("hi megan this is a fern.", "This is a fern."),
        ("hello dr. megan the nursery looked at the fern.", "The nursery looked at the fern."),
        ("hello dr. megan, the nursery looked at the fern.", "The nursery looked at the fern."),
        ("hello dr. megan. the nursery looked at the fern.", "The nursery looked at the fern."),
        ("Hello Dr. Megan the nursery looked at the fern.", "The nursery looked at the fern."),
        ("hello dr megan you should turn it.", "You should turn it."),
        ("hello dr use the soap.", "Use the soap."),
        ("hello dr take the soap.", "Take the soap."),
        ("hello dr advise the seller.", "Advise the seller."),
        ("hello dr. under the leaf is rust.", "Under the leaf is rust."),
        ("hello dr. megan looked at the fern.", "Megan looked at the fern."),
        ("hi sugar you have given may be the cause.", "Sugar you have given may be the cause."),
        ("hi medicine you can give is sulphur.", "Medicine you can give is sulphur."),
        ("hi rust. it is common.", "Rust. it is common."),
        ("hi water it in spring.", "Water it in spring."),
        ("hello even i had this on my fern.", "Even i had this on my fern."),
        ("hi both of them like shade.", "Both of them like shade."),
        ("hi both can you see?", "Both can you see?"),
        ("hello overall it is a mild mould.", "Overall it is a mild mould."),
        ("hi otherwise you should turn it.", "Otherwise you should turn it."),
    ],
)
def test_the_first_name_goes_with_the_greeting(first: str, rest: str) -> None:
    assert cleaned(f"{first} {ADVICE}") == f"{rest} {ADVICE}"


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        ("Doctors. com Your fern is fine.", "Your fern is fine."),
        ("Doctors Your fern is fine.", "Your fern is fine."),
        ("Doctors. It is a fern.", "It is a fern."),
        ("Doctors in the north say ferns are fine.", None),
        ("Doctors I know like ferns.", None),
    ],
)
def test_the_rest_of_a_forum_s_name_goes(first: str, rest: str | None) -> None:
    assert cleaned(f"{first} {ADVICE}") == f"{rest or first} {ADVICE}"


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        ("hi mona copper is bad for ferns.", "Copper is bad for ferns."),
        ("hello ravi rain-water may help.", "Rain-water may help."),
        ("hi mona is a common name.", "Mona is a common name."),
        ("hi mona lisa is a rose.", "Mona lisa is a rose."),
        ("hi bora bora is warm.", "Bora bora is warm."),  # a name that the list lacks may be what is spoken of
        ("dear john letters are rare.", None),
    ],
)
def test_a_given_name_before_a_subject_goes_with_its_greeting(first: str, rest: str | None) -> None:
    assert cleaned(f"{first} {ADVICE}") == f"{rest or first} {ADVICE}"
