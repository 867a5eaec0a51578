"""What the result of cleaning says of the rows as a whole."""

from __future__ import annotations

import pytest

from tests.sample_results import CLEANED

pytestmark = pytest.mark.light


def test_plain_texts_alone_are_told_from_a_mixture() -> None:
    rows = CLEANED.train_rows + CLEANED.eval_rows
    for texts, alone in ((0, False), (rows - 1, False), (rows, True)):
        assert CLEANED.model_copy(update={"texts": texts}).only_texts == alone
