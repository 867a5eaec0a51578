"""Numbers for people."""

from __future__ import annotations

from job.reporting.numbers import duration, loss_text, moment, points, share, signed, size
from tests.reporting.pages import unbroken


def test_numbers_are_for_people() -> None:
    shares = [0, 0.0001, 0.004, 0.25, 0.997, 0.9999, 1]
    assert [unbroken(share(value)) for value in shares] == [
        *("0 %", "< 0.1 %", "0.4 %", "25 %", "99.7 %", "> 99.9 %", "100 %"),
    ]
    assert [unbroken(size(value)) for value in (512, 999_999, 3_200_000, 824_711_168, 2.5e9)] == [
        *("512 bytes", "1.0 MB", "3.2 MB", "824.7 MB", "2.50 GB"),
    ]
    assert [unbroken(duration(value)) for value in (4.2, 59.96, 72, 4_380)] == [
        *("4.2 s", "1 min 0 s", "1 min 12 s", "1 h 13 min"),
    ]
    assert [unbroken(signed(value, "%")) for value in (-38.4, 0.2, 1, 1_234)] == ["−38 %", "±0 %", "+1 %", "+1,234 %"]
    assert [loss_text(value) for value in (2.3149, 1, 0.38512)] == ["2.31", "1.00", "0.385"]
    assert [moment(text) for text in ("2026-01-01T02:00:00+02:00", "soon")] == ["2026-01-01 00:00 UTC", "soon"]


def test_a_small_difference_of_shares_keeps_a_digit() -> None:
    assert [unbroken(points(change)) for change in (0.05, -0.004, -0.96)] == [
        "+5.0 points",
        "−0.4 points",
        "−96 points",
    ]


def test_what_is_no_number_is_a_dash() -> None:
    odd = float("nan")
    assert [share(odd), signed(odd), duration(odd), loss_text(odd)] == ["–", "–", "–", "not a number"]


def test_no_change_has_no_sign() -> None:
    assert [unbroken(points(value)) for value in (-0.0, 0.0004, -0.004)] == ["±0 points", "±0 points", "−0.4 points"]
