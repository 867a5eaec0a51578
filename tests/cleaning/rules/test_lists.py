"""Which answers are lists."""

from __future__ import annotations

import pytest

from job.cleaning.rules.lists import list_kind
from tests.cleaning.rules.one_row import ADVICE

pytestmark = pytest.mark.light


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1. Fill the pot. 2. Press the soil. 3. Water it.", "numbered"),
        ("Do this:\n- fill\n- press\n- water", "bulleted"),
        ("It may be " + "Leaf rust Root rot Spider mites Grey mould Black spot Fungus gnats Scale insects Mealy bugs Thrips Wilt Leaf curl", "flattened"),
        (ADVICE, ""),
        ("It grew 3 cm in 2. The year 1999 was dry.", ""),
    ],
)  # fmt: skip
def test_lists_are_distinguished_from_prose(text: str, kind: str) -> None:
    assert list_kind(text) == kind
