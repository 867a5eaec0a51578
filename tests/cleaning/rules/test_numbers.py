"""Phone numbers, cards and bank accounts are found by evidence; doses, dates and identifiers are not among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from job.cleaning.rules.numbers import (
    IBAN_LENGTHS,
    MOST_BY_FORM,
    Span,
    cards,
    ibans,
    may_hold_a_number,
    phones,
    social_security,
)

pytestmark = pytest.mark.examples


def found(find: Callable[[str], Iterator[Span]], text: str) -> list[str]:
    return [text[begin:end] for begin, end in find(text)]


PHONES = (
    # with a country's code
    ("Ask +49 171 2345678 for the pot.", ["+49 171 2345678"]),
    ("It is +91-98765-43210.", ["+91-98765-43210"]),
    ("Ours: +1 (555) 123-4567 or +33 6 12 34 56 78", ["+1 (555) 123-4567", "+33 6 12 34 56 78"]),
    # behind a word
    ("call 555-1234", ["555-1234"]),
    ("If it wilts call the nursery at 1-415-555-0199 or wait.", ["1-415-555-0199"]),
    ("Call me on 9876543210", ["9876543210"]),
    ("my number is 9876543210.", ["9876543210"]),
    ("Reach me at 9876543210!", ["9876543210"]),
    ("Tel.: 030 901820", ["030 901820"]),
    ("phone: 0712 345 678", ["0712 345 678"]),
    ("Mobile no 9988776655", ["9988776655"]),
    ("contact number: 99887 76655", ["99887 76655"]),
    ("tel:+1-415-555-0199", ["+1-415-555-0199"]),
    ("Phone:555-1234", ["555-1234"]),
    ("WhatsApp 050 1234567", ["050 1234567"]),
    ("Anna Moss, at 262-3773 or [email].", ["262-3773"]),
    ("Ask [email], 262-3773.", ["262-3773"]),
    # by its form
    ("555 123 4567", ["555 123 4567"]),
    ("Try 555-123-4567 or (415) 555-0132 ext. 12.", ["555-123-4567", "(415) 555-0132 ext. 12"]),
    ("It is 415.555.0132, she said.", ["415.555.0132"]),
    ("1-415-555-0199", ["1-415-555-0199"]),
    ("The nursery (020) 7946 0018 sells them.", ["(020) 7946 0018"]),
    ("020 7946 0018", ["020 7946 0018"]),
    ("0171 2345678", ["0171 2345678"]),
    ("98 76 54 32 10", ["98 76 54 32 10"]),
    ("06 12 34 56 78", ["06 12 34 56 78"]),
    ("Appelez le 01 42 68 53 00 avant midi.", ["01 42 68 53 00"]),
    ("Rufen Sie uns unter 030 901820 an.", ["030 901820"]),
    ("मुझे 98765 43210 पर कॉल करें।", ["98765 43210"]),
    ("He has 98765 43210.", ["98765 43210"]),
    # behind a label in any language, or with a slash
    ("Tel. 030/901820", ["030/901820"]),
    ("Tel.: 030 / 90 18 20", ["030 / 90 18 20"]),
    ("Handy 0171-23456", ["0171-23456"]),
    ("Telefon: 471 123", ["471 123"]),
    ("Тел.: 8 912 345-67-89", ["8 912 345-67-89"]),
    ("tél : 01.42.68.53.00", ["01.42.68.53.00"]),
    ("Teléfono 612345678", ["612345678"]),
    ("电话：13800138000。", ["13800138000"]),
    ("फ़ोन: 9876543210", ["9876543210"]),
    ("Rufen Sie 0171/1234567 an.", ["0171/1234567"]),
    ("Call me on 09001234567", ["09001234567"]),
    ("Write the 415-555-0132 number down", ["415-555-0132"]),
)
NO_PHONES = (
    "Vitamin D 60000 10000 units weekly",
    "Take 500-1000 ml since 2010-12-31 at 120-139/80-89.",
    "Give 98765 43210 litres",
    "ISBN 978-3-16-148410-0",
    "0-306-40615-2 is a book",
    "order 4155551234",
    "Order number: 415-555-1234",
    "Call us with your order number: 12345678",
    "phone us, tracking no. 555 123 4567",
    "Call about 123-45-6789",
    "contact us with your account number: 12345678",
    "Your ticket #415-555-1234 is open.",
    "invoice no. 0171 2345678",
    "1234567890",
    "It costs $1234567890",
    "on 12.05.2021 and 2021-05-12",
    "call 12.05.2021",
    "We call 1990-2010 the dry years.",
    "call 192.168.100.200",
    "the host 192.168.100.200",
    "at 52.5200 13.4050",
    "pi is 3.14159265358979",
    "1 000 000 000 seeds",
    "He scored 250 300 4000 and 350 400 5000.",
    "The call at 2024 12 31 was long",
    "call 18 000 000 people",
    "UTC+0530 12345678",
    "between 555 123 4567 and more",
    "2021 2022 2023",
    "200-300-4000 mg a day",
    "555 123 4567 seeds",
    "1700000000",
    "version 10.15.7.1234567",
    "doi 10.1016/j.cell.2019.01.001",
    "98.6 F at 12:30:45 in 2021",
    "The lottery drew 06 12 34 56 78",
    "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25",
    "x = 5551234567",
    "A call costs 1,234,567 leaves",
    "60 70 80 90 100 110 120",
    "15 25 35 45 55 cm",
    "AB0171 2345678",
    "Call 911",
    "+12 is warm",
    # of hotlines, which are nobody's
    "Call the national leaf hotline at 1-800-555-0199",
    "call 0800 1111 for Seedline",
    "Tel. 0800 123 4567",
    "Tel. 0900/1234567",
    "call +1 800 555 0199",
    # of things, and what is counted
    "call 1500 2000 units a day",
    "Fit the 415-555-0132 bracket",
    "Handy 2000 3000 mg",
    "Telefon 2021-12-31",
    "Das Telefon kostet 100 000 Euro",
    "Mix 1000/2000 drops",
    "order 0171/1234567",
    "hotel 123456",
)


@pytest.mark.parametrize(("text", "numbers"), PHONES)
def test_phone_numbers(text: str, numbers: list[str]) -> None:
    assert found(phones, text) == numbers


@pytest.mark.parametrize("text", NO_PHONES)
def test_other_numbers_are_no_phone_numbers(text: str) -> None:
    assert found(phones, text) == []


def test_more_numbers_than_a_text_has_are_a_table() -> None:
    lines = [f"0171 23456{at:02}\n" for at in range(MOST_BY_FORM + 1)]
    assert len(found(phones, "".join(lines[1:]))) == MOST_BY_FORM
    assert found(phones, "".join(lines)) == []
    assert found(phones, "".join(lines).replace(" ", "/")) == []


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1111",
        "4012888888881881",
        "5500-0000-0000-0004",
        "2223003122003222",
        "378282246310005",
        "3782 822463 10005",
        "6011111111111117",
        "3530111333300000",
        "30569309025904",
    ],
)
def test_cards(text: str) -> None:
    assert found(cards, f"My visa is {text}, please.") == [text]
    assert found(cards, f"{text} is the card") == [text]
    grouped = not text.isdigit()
    assert found(cards, f"Take {text}, please.") == ([text] if grouped else [])
    assert found(cards, f"Your order number is {text}, to pay by card.") == []


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",  # the check digit
        "1234567812345670",  # no issuer
        "41111111111111",  # the length
        "0.4111111111111111",
        "4111111111111111.5",
        "0000 0000 0000 0000",
        "A4111111111111111",
    ],
)
def test_other_numbers_are_no_cards(text: str) -> None:
    assert found(cards, f"card {text}") == []


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("It is 123-45-6789.", ["123-45-6789"]),
        ("SSN: 123456789", ["123456789"]),
        ("social security number of 123 45 6789", ["123 45 6789"]),
        ("123456789 seeds", []),
        ("123 45 6789", []),
        ("order 123-45-6789", []),
        ("666-45-6789 or 000-45-6789 or 912-45-6789 or 123-00-6789 or 123-45-0000", []),
        ("A123-45-6789, 123-45-6789-1 and 0.123-45-6789", []),
    ],
)
def test_social_security_numbers(text: str, numbers: list[str]) -> None:
    assert found(social_security, text) == numbers


@pytest.mark.parametrize(
    "text",
    [
        "DE89 3704 0044 0532 0130 00",
        "GB82WEST12345698765432",
        "FR14 2004 1010 0505 0001 3M02 606",
        "NO93 8601 1117 947",
    ],
)
def test_bank_accounts(text: str) -> None:
    assert found(ibans, f"Pay to {text} NOW or later.") == [text]


@pytest.mark.parametrize(
    "text",
    [
        "DE89 3704 0044 0532 0130 01",  # the remainder
        "DE89 3704 0044 0532 0130",  # the length
        "XX89 3704 0044 0532 0130 00",  # the country
        "DE89 3704 0044 0532 0130 00AB",
    ],
)
def test_other_codes_are_no_bank_accounts(text: str) -> None:
    assert found(ibans, text) == []


def test_the_lengths_of_bank_accounts_are_those_of_the_registry() -> None:
    assert (IBAN_LENGTHS["NO"], IBAN_LENGTHS["MT"], IBAN_LENGTHS["RU"]) == (15, 31, 33)
    assert all(15 <= length <= 33 for length in IBAN_LENGTHS.values())


def test_fewer_digits_cost_nothing() -> None:
    assert may_hold_a_number("555-1234")
    assert not may_hold_a_number("Water 6 plants on 12/12.")
