"""Which answers are lists."""

from __future__ import annotations

import pytest

from job.cleaning.rules.lists import list_kind
from tests.cleaning.rules.one_row import ADVICE

pytestmark = pytest.mark.examples


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1. Fill the pot. 2. Press the soil. 3. Water it.", "numbered"),
        ("Do this:\n- fill\n- press\n- water", "bulleted"),
        ("It may be " + "Leaf rust Root rot Spider mites Grey mould Black spot Fungus gnats Scale insects Mealy bugs Thrips Wilt Leaf curl", "flattened"),
        ("1) Fill the pot 2) Press the soil 3) Water it", "numbered"),
        ("1 . Fill the pot 2 . Press the soil 3 . Water it", "numbered"),
        ("1 ) Fill the pot 2 ) Press the soil 3 ) Water it", "numbered"),
        ("1. Fill the pot. 2. Press the soil for 3.5 hours.", ""),
        ("1. Fill the pot as in figure 3. The next step is the soil.", ""),
        ("2. Press the soil. 3. Water it. 4. Wait for it.", ""),
        ("For the pot: - Peat - Bark - Sand - Moss", "bulleted"),
        ("For the pot: - Peat - Bark - Sand", ""),
        ("A well-known fern likes shade.", ""),
        (ADVICE, ""),
        ("It grew 3 cm in 2. The year 1999 was dry.", ""),
    ],
)  # fmt: skip
def test_lists_are_distinguished_from_prose(text: str, kind: str) -> None:
    assert list_kind(text) == kind


def run(words: int, capitals: int) -> str:
    """Words without a stop, those after the first with capitals as long as there are some left."""
    return " ".join(["Mould", *["Mould"] * capitals, *["mould"] * (words - 1 - capitals)])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (run(words=20, capitals=4), "flattened"),
        (run(words=20, capitals=3), ""),
        (run(words=24, capitals=4), ""),
        (run(words=18, capitals=4), "flattened"),
        (run(words=17, capitals=4), ""),
        ("Leaf Leaf Leaf Leaf Leaf" + " leaf" * 13, ""),  # 89 characters
        ("Leaf Leaf Leaf Leaf Leaf" + " leaf" * 12 + " mould", "flattened"),
    ],
)
def test_a_list_without_stops_is_long_and_has_a_capital_in_every_fifth_word(text: str, kind: str) -> None:
    assert list_kind(text) == kind
