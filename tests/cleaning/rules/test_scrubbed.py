"""Of a sentence that a name spoilt all clauses stay that stand, and no stump is left with a full stop."""

from __future__ import annotations

import pytest

from job.cleaning.rules import scrubbed
from tests.cleaning.rules.one_row import cleaned

pytestmark = pytest.mark.examples

KEPT = "The leaves are pale because the pot is too small for its roots, so it needs a bigger one."
BEHIND = "Then wait for a week and look at the new leaves before you do anything else."


@pytest.mark.parametrize(
    ("spoilt", "kept"),
    [
        ("You can clean the leaves twice a week and", "You can clean the leaves twice a week."),
        ("Put it in a bigger pot, as it is too", "Put it in a bigger pot."),
        ("It is hard to treat because these pests are", "It is hard to treat."),
        ("You can use a good soil such as peat and", "You can use a good soil."),
        ("The leaves will recover soon, and you may", "The leaves will recover soon."),
        ("Wait for an hour at least so that the", "Wait for an hour at least."),
        ("If in doubt, have the roots examined by your", "If in doubt, have the roots examined."),
        ("So, for that, get the soil tested and", "So, for that, get the soil tested."),
        ("You can put it into a bigger pot for the", "You can put it into a bigger pot."),
        ("For the mould you should see a specialist", "For the mould you should see a specialist."),
        ("You should see a specialist if the", "You should see a specialist."),
        ("Water it twice a day and also avoid", "Water it twice a day."),
        ("Quit smoking and", "Quit smoking."),
        ("The rot can be due to the cold, to wet soil or a", "The rot can be due to the cold, to wet soil."),
        ("It needs good soil, clean water,", "It needs good soil, clean water."),
        ("It will need surgery /", "It will need surgery."),
        ("It may show swelling, spots, sudden", "It may show swelling, spots."),
        ("Use more light, as every", "Use more light."),
        ("This is due to rain, that means the", "This is due to rain."),
        ("It is rather weak, this may", "It is rather weak."),
        ("The rot affects the roots causing", "The rot affects the roots."),
        ("It can live in the soil and dies quickly on", "It can live in the soil and dies quickly."),
        ("If the buds fall, start on a steroid", "If the buds fall, start on a steroid."),
        ("If the buds fall off then water it and", "If the buds fall off then water it."),
        ("You can have a tablet of Fernex (ferrous hy", "You can have a tablet of Fernex (ferrous)."),
        ("You can use this cream (hy", "You can use this cream."),
        ("You can use the spray as a", "You can use the spray."),
        ("Kindly review it with care for ad", "Kindly review it with care."),
        ("The spots may go any time with", "The spots may go any time."),
        ("2. Fernex 100 mg with honey and", "2. Fernex 100 mg with honey."),
        ("They have other ills, such as mood and", "They have other ills."),
        ("Encourage it with more light and water along with", "Encourage it with more light and water."),
        ("Watch for yellow spots and", "Watch for yellow spots."),
        ("Wear gloves and", "Wear gloves."),
        ("The leaves look pale due to the", "The leaves look pale."),
        ("The smell may be because of the water from the", "The smell may be because of the water."),
        ("You should hold the pot upright while", "You should hold the pot upright."),
        ("You can use soft water, a good soil to reduce the", "You can use soft water, a good soil."),
        ("1. Allergens like pollen, dust, cold", "1. Allergens like pollen, dust."),
        ("The spots point to a fungus; this often needs", "The spots point to a fungus."),
        ("New roots form within weeks; so do not", "New roots form within weeks."),
        ("You need to feed it for three days: This", "You need to feed it for three days."),
        ("It thrives in 99 % of all pots and ideally,the", "It thrives in 99 % of all pots."),
        ("They tend to break (rupture), causing", "They tend to break (rupture)."),
        ("Should I give it water and", "Should I give it water?"),
        ("I recommend asking your gardener for changing or lowering the", "I recommend asking your gardener."),
        ("You should wait for a year to find the", "You should wait for a year."),
        ("Heat will increase the growth and help to", "Heat will increase the growth."),
        ("Start with soap that helps the", "Start with soap."),
        ("Reduce the light, reduce the water, use more", "Reduce the light, reduce the water."),
        ("The other way is a bigger pot and that might reduce the", "The other way is a bigger pot."),
        ("Get a soil test to see if the roots are", "Get a soil test."),
        ("I would advise a soil test to rule out", "I would advise a soil test."),
        ("The gardener will press the soil to know whether it", "The gardener will press the soil."),
        ("Water it twice a day to prevent the edges from", "Water it twice a day."),
        ("Start with soap containing", "Start with soap."),
        ("You can use this powder (Chon", "You can use this powder."),
        ("You have to look at it daily when you are taking these kinds", "You have to look at it daily."),
        ("You can use the soap for five days when", "You can use the soap for five days."),
        ("A look at the roots will help us to know whether the", "A look at the roots will help."),
        ("The fungus spreads from plant to plant by", "The fungus spreads from plant to plant."),
        ("Rust is a rare fungal disease which grows on leaves with an", "Rust is a rare fungal disease."),
        ("It has no use as most of the time it is", "It has no use."),
        ("Its sap is gathered from the leaves or from", "Its sap is gathered from the leaves."),
        ("Rust can spread by wind and by the", "Rust can spread by wind."),
        ("If it is not in the pot please add it because it is", "If it is not in the pot please add it."),
        ("3. Lorem powder 100 mg mix with honey and", "3. Lorem powder 100 mg mix with honey."),
        ("Take rest", "Take rest."),
        ("You can give it vitamin D", "You can give it vitamin D."),
        ("You can take any pain killers", "You can take any pain killers."),
        ("Tablet Lorem 0.5 mg twice a day for five days and", "Tablet Lorem 0.5 mg twice a day for five days."),
        ("3. Lorem syrup 10 ml (iron hy", "3. Lorem syrup 10 ml (iron)."),
        ("The treatment consists of soap, ash and", "The treatment consists of soap, ash."),
        ("If large, it may show rot of the roots as that is the", "If large, it may show rot of the roots."),
        ("In your case, it has slow growth, hence the", "In your case, it has slow growth."),
        ("The spots may be due to lime or it may be due to", "The spots may be due to lime."),
        (
            "It is essential to use soft soap that prevents the",
            "It is essential to use soft soap.",
        ),
        ("They think it is rust, and because they do not know it, they will", "They think it is rust."),
        ("It was green in June but two weeks after the rain, it had", "It was green in June."),
        (
            "It would be no help as it lowers the growth and increases the chances of",
            "It would be no help as it lowers the growth.",
        ),
    ],
)
def test_a_clause_that_stands_by_itself_is_kept(spoilt: str, kept: str) -> None:
    assert cleaned(f"{KEPT} {spoilt} LeafTalk. {BEHIND}") == f"{KEPT} {kept} {BEHIND}"


@pytest.mark.parametrize(
    "spoilt",
    [
        "You can water it if the soil is",  # without the condition it would be other advice
        "Do not move it until it is",
        "It is harmless but you should",
        "There are two pests, aphids and",  # one of two
        "If it droops, and you are",  # no main clause
        "Because of the cold and the",
        "You can use",
        "Ensure to",
        "Do not put it outside for the",  # without the rest it would forbid more
        "The roots are responsible for the",  # no advice
        "For more information consult a specialist",
        "Depending on how old it is, you can",  # no main clause before the comma
        "It is not the cold and",  # it would deny the half
        "It prevents hard,",  # what is hard was lost
        "As all other blockers",
        "If you tried a steroid",
        "Carbamol is the first FDA (food and",  # "FDA approved"
        "It helps to avoid eating or",  # before the night
        "Either you may water it or you can",
        "Tablet Lorem and",  # no dose
        "In my view, if it has no rust or you are using",
        "If it is rust, as the spot suggests and",
        "Take a healthy balanced,",
        "Even after the spots have gone, you may have a",
        "You can go for",
        "The spots are mostly due to",
        "It is used along with",
        "You may need to increase the",
        "It would be ideal to avoid",
        "But the chance of rot due to the",  # the chance has no verb yet
        "The roots suffer from the",
        "Symptoms such as pale leaves; the soft stems;",
        "Depending on the soil; it may",
        "There are three kinds: moss of the wood; fern of the rock; the",
        "I advise your doctor to check whether the",
        "You need to see if it is",
        "Do not cut the roots to see if they are",
        "The best thing to prevent the edges from",
        "This helps the roots to prevent the",
        "Take the following: This",
        "Avoid soap containing",
        "Avoid it for five days when",
        "However, when I look, only a small amount or",
        "However, sources that contain rust, such as old water and",
        "It has pale leaves, but ever since I started to",
        "They often wilt in sun, but may occur while",
        "Take foods that help the",
        "It is caused by",
        "Do not put it into clay or into",
        "The difference lies between the soil and in",
    ],
)
def test_what_cannot_stand_or_would_say_something_else_goes_whole(spoilt: str) -> None:
    assert cleaned(f"{KEPT} {spoilt} LeafTalk. {BEHIND}") == f"{KEPT} {BEHIND}"


def test_the_rest_of_a_spoilt_sentence_goes_in_text_that_has_capitals() -> None:
    assert cleaned(f"{KEPT} Use hy LeafTalk. ) twice a day. {BEHIND}") == f"{KEPT} {BEHIND}"
    small = f"{KEPT.lower()} use hy leaftalk. {BEHIND.lower()}"
    assert cleaned(small).lower() == f"{KEPT} {BEHIND}".lower()


@pytest.mark.parametrize(
    ("sentence", "whole"),
    [
        ("The fern needs light.", True),
        ("Water it well", True),
        ("2. Also, water it well.", True),
        ("If it droops, water it.", True),
        ("If it droops.", False),
        ("The colour of the leaves.", False),
        ("It needs a pot with", False),
        ("It needs light (a lot.", False),
    ],
)
def test_a_sentence_stands_with_a_verb_and_without_an_open_end(sentence: str, whole: bool) -> None:
    assert scrubbed.stands(sentence) is whole


@pytest.mark.parametrize(
    ("spoilt", "kept"),
    [
        ("Peat (hy LeafTalk. ) keeps it wet and cool.", "Peat keeps it wet and cool."),
        ("Dust, soil mites, LeafTalk. , are common causes.", "Dust, soil mites, are common causes."),
        ("You can LeafTalk. So that it is safe.", ""),  # nothing is left that it could refer to
        ("Wait for a week at least and LeafTalk. So that it is safe.", "Wait for a week at least. So that it is safe."),
    ],
)
def test_what_stands_behind_the_name_stays_where_it_goes_on(spoilt: str, kept: str) -> None:
    assert cleaned(f"{KEPT} {spoilt} {BEHIND}") == " ".join(filter(None, (KEPT, kept, BEHIND)))


def test_the_number_of_an_item_goes_with_it() -> None:
    assert (
        cleaned(f"{KEPT} 1. Turn it in spring.2. LeafTalk. 3. {BEHIND}") == f"{KEPT} 1. Turn it in spring. 3. {BEHIND}"
    )


def test_in_text_without_stops_no_clause_is_looked_for() -> None:
    assert scrubbed.standing_clause("Water it such as and " * 5_000) == ""


@pytest.mark.parametrize(
    ("broken", "kept"),
    [
        (
            "The spots may stay even after the rain stops, discuss with your",
            "The spots may stay even after the rain stops.",
        ),
        ("Depending on how wet it is, discuss with your", ""),
        ("If it is wet, kindly consult your", ""),
        ("Do not use sprays and do not use harsh soaps to", "Do not use sprays and do not use harsh soaps."),
        ("Please avoid all contact to", ""),
        ("The spots come back and mould may increase as water lime an", "The spots come back and mould may increase."),
    ],
)
def test_a_statement_stays_before_what_broke_off(broken: str, kept: str) -> None:
    assert scrubbed.standing_clause(broken) == kept


def test_but_goes_with_the_first_sentence() -> None:
    rest = "leaves need light and water. Keep it in the shade for some weeks, and use rain water."
    assert cleaned(f"Your pot (terra dehy LeafTalk. But the {rest}") == f"The {rest}"
