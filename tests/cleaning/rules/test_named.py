"""What a scrubbed sentence says of a name stays, and so do the members of a bracket before the broken one."""

from __future__ import annotations

import pytest

from job.cleaning.rules import named
from tests.cleaning.rules.one_row import cleaned

pytestmark = pytest.mark.examples

KEPT = "The leaves are pale because the pot is too small for its roots, so it needs a bigger one."
BEHIND = "Then wait for a week and look at the new leaves before you do anything else."


@pytest.mark.parametrize(
    ("spoilt", "kept"),
    [
        ("Fernex is Ferroxan which is Anta", "Fernex is Ferroxan."),
        ("The fern may have PLRV which", "The fern may have PLRV."),
        ("Take Fernex (iron) which is a", "Take Fernex (iron)."),
        ("Use Fernex 250 (Ferroxan and Qua", "Use Fernex 250 (Ferroxan)."),
        ("Use Fernex 250 (Ferroxan, Flu", "Use Fernex 250 (Ferroxan)."),
        ("Use Fernex 250 (Ferroxan + Ad", "Use Fernex 250 (Ferroxan)."),
        ("Use Fernex 250 (Ferroxan and", "Use Fernex 250 (Ferroxan)."),
        ("Use Fernex 250 (Ferroxan and Syn", "Use Fernex 250 (Ferroxan)."),  # of no syndrome
        ("Use Fernex 250 (Ferroxan, Chil", "Use Fernex 250 (Ferroxan)."),
        ("Fernex 250 (Ferroxan and Qua", "Fernex 250 (Ferroxan)."),
        ("2. Fernex 250 mg (Ferroxan and Qua", "2. Fernex 250 mg (Ferroxan)."),
        ("A mild antibiotic", "A mild antibiotic."),
    ],
)
def test_what_is_said_of_a_name_stays(spoilt: str, kept: str) -> None:
    assert cleaned(f"{KEPT} {spoilt} LeafTalk. {BEHIND}") == f"{KEPT} {kept} {BEHIND}"


@pytest.mark.parametrize(
    ("spoilt", "kept"),
    [
        ("Use Fernex 250 (both Ferroxan and Qua", "Use Fernex 250."),  # one of two
        ("Use Fernex 250 (if it is pale and", "Use Fernex 250."),  # one of two conditions
        ("Use a mild syrup (F&G", "Use a mild syrup."),  # of one name half
        ("Fernex is approved by the FGA (fern and", ""),  # the words of the letters
        ("Avoid all food which is", ""),  # which food was lost
        ("Fernex 250 is", ""),
        ("It is not Fernex which", ""),  # what it is not was lost
    ],
)
def test_no_member_of_what_counts_only_whole_and_no_clause_that_limits(spoilt: str, kept: str) -> None:
    assert cleaned(f"{KEPT} {spoilt} LeafTalk. {BEHIND}") == " ".join(filter(None, (KEPT, kept, BEHIND)))


@pytest.mark.parametrize(
    ("inside", "rest"),
    [
        ("Ferroxan", ""),
        ("Ferroxan with the hy", "Ferroxan"),
        ("A, B and C", "A, B"),
        ("C&F", ""),
        ("Ferroxan&Qua", "Ferroxan"),
        ("A & Qua", "A"),
    ],
)
def test_the_members_before_the_last(inside: str, rest: str) -> None:
    assert named.members(inside) == rest


def test_the_first_sentence_is_no_greeting_because_it_holds_the_forums_name() -> None:
    assert cleaned(f"You may have PLRV which is LeafTalk. {KEPT}") == f"You may have PLRV. {KEPT}"


@pytest.mark.parametrize(
    ("spoilt", "kept"),
    [
        ("Your fern has leaf rust (a mould) with", "Your fern has leaf rust (a mould)."),
        ("You may have a mild leaf rust with some", "You may have a mild leaf rust."),
        ("Probable diagnosis: leaf rust with", "Probable diagnosis: leaf rust."),
        ("Diagnosis: sudden wilting syn", "Diagnosis: sudden wilting syndrome."),
    ],
)
def test_a_diagnosis_stays_without_what_came_with_it(spoilt: str, kept: str) -> None:
    assert cleaned(f"{KEPT} {spoilt} LeafTalk. {BEHIND}") == f"{KEPT} {kept} {BEHIND}"


@pytest.mark.parametrize(
    "spoilt",
    [
        "You have to start with",
        "You may have problems with",
        "It has no rust with",
        "You have been treated with",
        "You have an allergy with",
        "Diagnosis: chronic",
        "Diagnosis: due to",
        "Diagnosis: the",
    ],
)
def test_no_diagnosis_is_made_of_what_does_not_stand(spoilt: str) -> None:
    assert cleaned(f"{KEPT} {spoilt} LeafTalk. {BEHIND}") == f"{KEPT} {BEHIND}"
