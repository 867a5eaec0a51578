"""The head of a sentence that breaks off stays, and what the next sentence needs of one that goes."""

from __future__ import annotations

import pytest

from tests.cleaning.rules.one_row import cleaned

pytestmark = pytest.mark.examples

KEPT = "The leaves are pale because the pot is too small for its roots, so it needs a bigger one."
BEHIND = "Then wait for a week and look at the new leaves before you do anything else."


@pytest.mark.parametrize(
    ("spoilt", "kept"),
    [
        # Advice before the example that was lost.
        ("Use a gentle liquid soap like", "Use a gentle liquid soap."),
        ("However arrange a full soil test like H", "However arrange a full soil test."),
        ("Arrange a full soil test for H", "Arrange a full soil test."),
        ("You could spray a mild copper mixture such as the Bo", "You could spray a mild copper mixture."),
        ("Better use a soft collar like", "Better use a soft collar."),
        ("The fern may be given a weak feed, namely Ra", "The fern may be given a weak feed."),
        ("Begin with a weak liquid feed, Xo", "Begin with a weak liquid feed."),
        ("I would recommend a weak liquid feed, Xo", "I would recommend a weak liquid feed."),
        ("Start with a coarse potting bark, namely Ga", "Start with a coarse potting bark."),
        # A list without its last member, which has words of its own.
        (
            "The curl has many origins, such as the hot window plus stale water and afterwards too little hy",
            "The curl has many origins, such as the hot window plus stale water.",
        ),
        ("It may have origins like heavy clay and then a", "It may have origins like heavy clay."),
        # A statement without what was added.
        (
            "Spots begin where the wind shakes the branches and in its haste to",
            "Spots begin where the wind shakes the branches.",
        ),
        ("The rot shows when the soil is wet and after a long", "The rot shows when the soil is wet."),
        ("The stem is soft and pale, and for such stems the usual", "The stem is soft and pale."),
        ("Rust is worse in the morning, while in the evening it is", "Rust is worse in the morning."),
        ("It heals by itself within a week though some", "It heals by itself within a week."),
        ("Rust can cause pale spots, curls, and a", "Rust can cause pale spots, curls."),
        ("It grows on old leaves and in turn causes a", "It grows on old leaves."),
        # A statement before another thing of which nothing is left.
        ("Your uncle's fern is sound and other old pe", "Your uncle's fern is sound."),
        ("Your fern is healthy and other", "Your fern is healthy."),
        ("The roots are in good shape, and other old", "The roots are in good shape."),
        ("The stem looks quite normal and all the other large", "The stem looks quite normal."),
        ("Origins are many, including low light,", "Origins are many, including low light."),
    ],
)
def test_the_head_of_a_broken_sentence_stays(spoilt: str, kept: str) -> None:
    assert cleaned(f"{KEPT} {spoilt} LeafTalk. {BEHIND}") == f"{KEPT} {kept} {BEHIND}"


@pytest.mark.parametrize(
    "spoilt",
    [
        "It looks like",
        "You may feel like",
        "The leaves feel like",
        "Do not use sprays like",  # it would forbid all
        "Take care to use foods like",
        "Avoid a cold window, Xo",
        "You can water it in the morning and in the evening with",  # how often
        "It heals by itself within a week unless some",
        "It looks like you and your cat",
        "From what you say about the pot and the photos of",
        "The more you water it in spring, and the less light of",
        "It is safe if it is dry and in full shade of",
        "Repot it only if it is healthy and other",
        "It is not healthy and other",
        "It is an acute and other",
        "It is due to acute and other",
        "The cause is both viral and other",
    ],
)
def test_a_head_that_says_nothing_or_something_else_goes(spoilt: str) -> None:
    assert cleaned(f"{KEPT} {spoilt} LeafTalk. {BEHIND}") == f"{KEPT} {BEHIND}"


def test_advice_at_the_end_of_the_text_stays_without_its_example() -> None:
    assert cleaned(f"{KEPT} {BEHIND} Use a gentle liquid soap like") == f"{KEPT} {BEHIND} Use a gentle liquid soap."


@pytest.mark.parametrize(
    ("spoilt", "behind", "joined"),
    [
        ("Syrup Loremol (Ipsa) is an older", "This softens the soil.", "Syrup Loremol (Ipsa) softens the soil."),
        ("Loremol is also a", "It can harm the roots.", "Loremol can harm the roots."),
        ("Beta mixtures are older", "They slow the growth.", "Beta mixtures slow the growth."),
        ("Loremol is a safe", "It can be given every week.", "Loremol can be given every week."),
        ("Loremol is an older", "It is important to water it.", None),
        ("Loremol is an older", "This process is known.", None),
        ("Though you are", "They need less water.", None),
        ("Loremol is an older", "It helps to water it.", None),
        ("Loremol is an older", "This means that it is dry.", None),
        ("The first choice is a", "This softens the soil.", None),  # the choice, which was lost
        ("Treatment is a", "This softens the soil.", None),
        # Advice keeps its condition.
        (
            "When sap drips from the stem, that points to some",
            "Begin Loremol 5 ml and wipe the stem.",
            "When sap drips from the stem, begin Loremol 5 ml and wipe the stem.",
        ),
        ("If the edges curl, it may be", "Move it into the shade.", "If the edges curl, move it into the shade."),
        ("In case the edges curl, it may be", "You should move it.", "In case the edges curl, you should move it."),
        ("If the edges curl, it may have", "Move it into the shade.", None),
        ("If the edges curl, you can use", "Move it into the shade.", None),
        ("If the edges curl, it may be", "The shade is better.", None),
    ],
)
def test_the_next_sentence_gets_what_it_needs(spoilt: str, behind: str, joined: str | None) -> None:
    assert cleaned(f"{KEPT} {spoilt} LeafTalk. {behind} {BEHIND}") == f"{KEPT} {joined or behind} {BEHIND}"
