"""Requests to the asker go, and what is asked of the reader as advice stays."""

from __future__ import annotations

import pytest

from tests.cleaning.rules.one_row import ADVICE, cleaned

pytestmark = pytest.mark.examples
