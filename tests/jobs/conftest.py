"""What runs against a Hub share."""

from __future__ import annotations

from tests.cleaning.conftest import client as client  # the stand-in Hub for this process
