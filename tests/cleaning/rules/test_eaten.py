"""The words of which a scrubbed name ate the end."""

from __future__ import annotations

import pytest

from job.cleaning.rules import eaten
from job.cleaning.rules.boilerplate import BRAND, pattern
from tests.cleaning.rules.one_row import cleaned

pytestmark = pytest.mark.examples

KEPT = "The leaves are pale because the pot is too small for its roots, so it needs a bigger one."
BEHIND = "Then wait for a week and look at the new leaves before you do anything else."

COMPLETED = (
    ("It may be transplant syn", "", "It may be transplant syndrome."),
    ("Feed it with a low carbohy", "", "Feed it with a low carbohydrate diet."),
    ("It stores carbohy", "", "It stores carbohydrates."),
    ("It lacks lactate dehy", "", "It lacks lactate dehydrogenase."),
    ("It is low in DHEA (dehy", "", "It is low in DHEA (dehydroepiandrosterone)."),
    ("It gets dehy", "", "It gets dehydrated."),
    ("It suffers from dehy", "", "It suffers from dehydration."),
    ("It is safe for chil", "", "It is safe for children."),
    ("These are signs of hyperan", "", "These are signs of hyperandrogenism."),
    ("You can consult an an", "", "You can consult an andrologist."),
    ("This is a sign of raised an", " It is a hormone.", "This is a sign of raised androgen."),
    ("You have to be on complete be", "", "You have to be on complete bedrest."),
    ("The pain can be costochon", "", "The pain can be costochondritis."),
    ("Testosterone is converted to dihy", "", "Testosterone is converted to dihydrotestosterone."),
    ("Keep well HY", "", "Keep well hydrated."),
    ("It is badly HY", " The other one is hydrated.", "It is badly hydrated."),
    ("Water helps to maintain hy", "", "Water helps to maintain hydration."),
    ("Avoid anything with pseudoephe", "", "Avoid anything with pseudoephedrine."),
    ("There is a spot in the upper outer qua", "", "There is a spot in the upper outer quadrant."),
    ("Continue qua", " It is good for the knee.", "Continue quadriceps exercises."),
    ("You can do static qua", "", "You can do static quadriceps."),
    ("The bang has ruptured the healing ear", "", "The bang has ruptured the healing eardrum."),
    ("It is because of the with", "", "It is because of the withdrawal."),
    ("The pill may give with", "", "The pill may give withdrawal bleeding."),
    ("Treat the dan", "", "Treat the dandruff."),
    ("You also need to take Zole", "", "You also need to take Zoledronic acid."),
    ("You can take alen", "", "You can take alendronate."),
    ("You can continue with Exce", "", "You can continue with Excedrin."),
    ("The choice is intercostal", "", "The choice is intercostal drainage."),
    ("It needs incision and", "", "It needs incision and drainage."),
    ("Use glucosamine with chon", "", "Use glucosamine with chondroitin."),
    ("This may be chon", " The patella is worn.", "This may be chondromalacia."),
    ("You can take diphenhy", "", "You can take diphenhydramine."),
    ("The scan shows oligohy", "", "The scan shows oligohydramnios."),
    ("Sweaty hands are a sign of hyperhi", "", "Sweaty hands are a sign of hyperhidrosis."),
    ("The pain is in the right hypochon", "", "The pain is in the right hypochondrium."),
    ("You can take tablet Me", "", "You can take tablet Medroxyprogesterone."),
    ("It contains norethin", "", "It contains norethindrone."),
    ("You should get tests for HIV and V", "", "You should get tests for HIV and VDRL."),
    ("It was approved by the FDA (food and", "", "It was approved by the FDA (food and drug administration)."),
    ("You should go for qua", " It shows the chromosomes.", "You should go for quadruple test."),
    ("It has mild hy", " The kidney is fine.", "It has mild hydronephrosis."),
    ("You can be tried on Hy", " It is thrombocytosis.", "You can be tried on Hydroxyurea."),
    ("This is known as hy", " It has enlarged ventricles.", "This is known as hydrocephalus."),
    ("It may be a case of foot", " The nerve is hurt.", "It may be a case of foot drop."),
    ("This needs to be ad", "", "This needs to be addressed."),
    ("Lorem is the", " It kills worms.", "Lorem is the drug of choice."),
    ("It helps to take bena", "", "It helps to take benadryl."),
    ("Apply a steroid cream (hy", "", "Apply a steroid cream (hydrocortisone)."),
    ("The first sign of rabies is hy", "", "The first sign of rabies is hydrophobia."),
    ("It can be orchitis or hy", "", "It can be orchitis or hydrocele."),
    ("It contains tretinoin and hy", " It fades dark spots.", "It contains tretinoin and hydroquinone."),
    ("This hair loss seems to be an", "", "This hair loss seems to be androgenetic alopecia."),
    ("It may be a fixed", " The skin heals.", "It may be a fixed drug eruption."),
    ("It is hard to get off from the", " Take less of the medicine.", "It is hard to get off from the drug."),
    ("It was taken along with other", " It is a medicine.", "It was taken along with other drugs."),
    ("It is category D", " Take 5 mg.", "It is category D drug."),
    ("Take one dose (two pills or four", "", "Take one dose (two pills or four drops)."),
    ("It does not cause vaginal", "", "It does not cause vaginal dryness."),
    ("Take an anti-inflammatory", "", "Take an anti-inflammatory drug."),
    ("Stay away from recreational", " You must.", "Stay away from recreational drugs."),
    ("It belongs to another group of", " Take 5 mg.", "It belongs to another group of drugs."),
    ("Lorem is the first line", " Take 5 mg.", "Lorem is the first line drug."),
    ("Lorem is the best", " Take 5 mg.", "Lorem is the best drug."),
    ("It is a sulfa group", " Take 5 mg.", "It is a sulfa group drug."),
    ("Lorem is the name of the", " Take 5 mg.", "Lorem is the name of the drug."),
    ("You can stop it after asking your treating", "", "You can stop it after asking your treating doctor."),
    ("Lorem is the brand name of the", "", "Lorem is the brand name of the drug."),
    ("There are very effective", " Take 5 mg.", "There are very effective drugs."),
    ("Take an antihistamine such as Ben", "", "Take an antihistamine such as Benadryl."),
    ("Along with the spherical error it has a cylin", "", "Along with the spherical error it has a cylindrical error."),
    ("These are side effects of the", "", "These are side effects of the drugs."),
    ("You can continue this", " Take 5 mg.", "You can continue this drug."),
    ("You can stop these", " Take 5 mg.", "You can stop these drugs."),
    ("Ask before taking any", " Take 5 mg.", "Ask before taking any drugs."),
    ("Ask before starting any new", " Take 5 mg.", "Ask before starting any new drug."),
    ("You can discuss the following", " 1. Lorem 5 mg.", "You can discuss the following drugs."),
    ("Wait for an hour between the two", " Take 5 mg.", "Wait for an hour between the two drugs."),
    ("This is a caffeinated", "", "This is a caffeinated drink."),
    ("Avoid carbonated", "", "Avoid carbonated drinks."),
    ("Do not take cold", "", "Do not take cold drinks."),
    ("It comes from binge", "", "It comes from binge drinking."),
    ("It comes from the abuse of alcohol or", "", "It comes from the abuse of alcohol or drugs."),
    ("Do not use straws for", "", "Do not use straws for drinking."),
    ("It has lowered the sexual", "", "It has lowered the sexual drive."),
    ("Watch for lethargy and", "", "Watch for lethargy and drowsiness."),
    ("She gets lethargic and", "", "She gets lethargic and drowsy."),
    ("It comes after eating or", "", "It comes after eating or drinking."),
    ("It helps to eat or", "", "It helps to eat or drink."),
    ("Give it warm water to", "", "Give it warm water to drink."),
    ("Ensure to", " This dilutes the urine.", "Ensure to drink."),
    ("It is a post nasal", "", "It is a post nasal drip."),
    ("Wash the pot and wipe it", "", "Wash the pot and wipe it dry."),
    ("Wash the skin and pat", "", "Wash the skin and pat dry."),
    ("Keep the healing wound", "", "Keep the healing wound dry."),
    ("Use antibiotic (0.5 %) eye", "", "Use antibiotic (0.5 %) eye drops."),
    ("Use lubricating", " Close your eyes.", "Use lubricating drops."),
    ("Use saline", " The nose is dry.", "Use saline drops."),
    ("Put in something softening", " The ear has wax.", "Put in something softening drops."),
    ("It needs daily", " The wound is deep.", "It needs daily dressing."),
    ("Start with those containing", " Close your eyes.", "Start with those containing drops."),
    ("Keep the affected area", "", "Keep the affected area dry."),
    ("Keep the wound clean and", "", "Keep the wound clean and dry."),
    ("Soap makes the skin", "", "Soap makes the skin dry."),
    ("Soap may make your skin over", "", "Soap may make your skin over dry."),
    ("Use Nystatin oral", "", "Use Nystatin oral drops."),
    ("She needs intravenous", "", "She needs intravenous drugs."),
    (
        "Come at once if you have pain or a sudden",
        " The retina is thin.",
        "Come at once if you have pain or a sudden drop in vision.",
    ),
    ("The best way is to incise and", "", "The best way is to incise and drain."),
    ("The pus needs to be", "", "The pus needs to be drained."),
    ("You have to get the abscess", "", "You have to get the abscess drained."),
)
"""What stands before the name, what stands behind it, the sentence as it was."""


@pytest.mark.parametrize(("before", "behind", "whole"), COMPLETED, ids=lambda text: text[-12:])
def test_a_word_is_completed(before: str, behind: str, whole: str) -> None:
    assert eaten.completed(f"{KEPT} {before} {BRAND}.{behind}") == f"{KEPT} {whole}{behind}"


def test_each_entry_of_the_table_completes_a_sentence() -> None:
    for entry, (before, _, _) in zip(eaten.COMPLETIONS, COMPLETED, strict=True):
        assert pattern(rf"{entry[0]}{entry[1]}$").search(before), entry


def test_an_open_bracket_is_closed() -> None:
    assert eaten.completed(f"Give ORS (oral rehy {BRAND}.") == "Give ORS (oral rehydration)."
    assert eaten.completed(f"Give ORS (oral rehy {BRAND}).") == "Give ORS (oral rehydration)."


def test_a_longer_word_than_the_reach_is_not_looked_for() -> None:
    """The words of the table are found within the first characters before the name."""
    for _, word, _, _ in eaten.COMPLETIONS:
        assert len(max(word.replace("(?:", "").replace(")", "").split("|"), key=len)) < eaten.LONGEST_EATEN, word


@pytest.mark.parametrize(
    "sentence",
    [
        "The fern (polycystic syn",  # no verb
        "If you have both, then the transplant syn",
        "As you have transplant syn",  # no main clause
        "Restless leaf syn",  # the subject of what is lost, here and below
        "It lies near, so the right hypochon",
        "In case of pale spots, the anti-inflammatory",
        "If it comes back then some chil",
        "There is no rule that chil",  # the subject of what is lost
        "It is hard to see because most of the chil",
        "It describes an ear",  # an ear is no ear drops
    ],
)
def test_a_sentence_that_cannot_stand_is_not_completed(sentence: str) -> None:
    text = f"{KEPT} {sentence} {BRAND}. {BEHIND}"
    assert eaten.completed(text) == text


@pytest.mark.parametrize(
    ("sentence", "behind"),
    [
        ("It is badly hy", ""),
        ("It is badly chil", ""),
        ("It is known as DHA (dehy", ""),  # many words begin so
        ("It must not dehy", ""),
        ("It may be dehy", ""),  # dehydrated, or dehydration
        ("That is the", "It is the infection."),
        ("Testosterone is an an", ""),  # an androgen
        ("It hurts at the costochon", ""),  # the junction
        ("Drink for the testicular and kidney pain and hy", ""),
        ("It contains tretinoin and hy", ""),
        ("Take off the", "Take the medicine."),  # a dressing
        ("You should allow the water to", ""),  # it drains
        ("You need to", "It colours the urine."),
        ("Take good care of the ear", ""),
        ("You can keep it in a cool", ""),  # a dry place
        ("Use an antibacterial", "Use two drops a day."),
        ("There is no side effect of these", "Use two drops a day."),
        ("The chemotherapy", ""),
        ("A mild antifungal", "It may help."),  # nothing is named that it could be
        ("Give Lorem (Ipsum and Syn", ""),  # another drug
        ("Use a soap containing", ""),
        ("Use saline", "The wound is deep."),  # dressing
        ("It needs daily", "It sleeps well."),
        ("It has signs of an an", "It is a hormone."),
        ("There is no side effect of these", "Close your eyes."),
        ("It is a kind of", "Take the medicine."),  # dressing, drainage
        ("You should avoid eating or", ""),  # before the night
        ("You should not eat or", ""),
        ("Do not stop this", "Take the medicine."),  # suddenly
        ("You can use this", "Take the medicine. Wash your eyes."),
        ("It hurts in the hypochon", ""),
        ("It is the lining of the chon", ""),
        ("It has mild hy", "The kidney is fine, and the scrotum is swollen."),
    ],
)
def test_a_word_that_is_in_doubt_is_not_completed(sentence: str, behind: str) -> None:
    text = f"{KEPT} {sentence} {BRAND}. {behind}"
    assert eaten.completed(text) == text


@pytest.mark.parametrize(
    ("before", "whole"),
    [
        ("If both tests show it, then a transplant syn", "If both tests show it, then a transplant syndrome."),
        ("I would suggest Lorem. A mild antifungal", "I would suggest Lorem. A mild antifungal drug."),
        ("1) A ruptured ear", "1) A ruptured eardrum."),
        ("Antifibrinolytic", "Antifibrinolytic drugs."),
        ("Nephrotoxic", "Nephrotoxic drugs."),
        ("Anti-TB", "Anti-TB drugs."),
        (
            "If it comes back then some tests and anti-parasite",
            "If it comes back then some tests and anti-parasite drugs.",
        ),
        ("Addition of Lorem as an antianxiety", "Addition of Lorem as an antianxiety drug."),
        ("These are symptoms of with", "These are symptoms of withdrawal."),
        ("For that try to maintain hy", "For that try to maintain hydration."),
        ("As you tell it has spots, which can be leaf syn", "As you tell it has spots, which can be leaf syndrome."),
        ("In case of pale spots, vasodilator", "In case of pale spots, vasodilator drugs."),
        ("To get relief from spots, an anti-inflammatory", "To get relief from spots, an anti-inflammatory drug."),
        ("Wait.2. For the pain, anti-inflammatory", "Wait.2. For the pain, anti-inflammatory drugs."),
    ],
)
def test_an_item_and_what_follows_a_condition_need_no_verb(before: str, whole: str) -> None:
    assert eaten.completed(f"{KEPT} {before} {BRAND}.") == f"{KEPT} {whole}"


def test_a_forum_that_lost_no_word_is_left_alone() -> None:
    for text in (f"Join the group of {BRAND}.", f"Ask the doctors of {BRAND}.", f"Welcome to {BRAND}."):
        assert eaten.completed(text) == text


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("So it should avoid carbohy", "So it should avoid carbohydrates."),
        ("You can offer it a with", "You can offer it a withdrawal."),
        ("You can put it near the ear", ""),  # a word that may end a sentence was not broken
        ("Come if you lose sight of it or have a sudden", ""),
        (
            "Come if your vision is blurred or you have a sudden",
            "Come if your vision is blurred or you have a sudden drop in vision.",
        ),
        ("Avoid caffeinated", ""),
        ("You can use a straw for", ""),
        ("The cause of the syn", ""),
    ],
)
def test_a_word_that_the_end_of_the_text_broke_is_completed(broken: str, whole: str) -> None:
    begin = len(KEPT) + 1
    assert eaten.completed_end(f"{KEPT} {broken}", begin) == (f"{KEPT} {whole}" if whole else "")


def test_a_word_that_was_whole_before_is_completed_at_the_end_of_the_text() -> None:
    text = f"{KEPT} See that it is hydrated. The leaves show that it is poorly hy"
    assert cleaned(text) == f"{text}drated."
    assert cleaned(f"{KEPT} Frost kills small roots. Move it into the house because it is badly chil") == (
        f"{KEPT} Frost kills small roots. Move it into the house."
    )
