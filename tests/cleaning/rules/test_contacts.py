"""Contact data goes from questions and answers, and what looks like it stays."""

from __future__ import annotations

import pytest

from job.cleaning.rules import Rules, clean_batch
from job.cleaning.rules.contacts import email, emails, masked, may_hold_an_address, personal_links
from job.cleaning.rules.rule import Field, Tally
from tests.cleaning.rules.one_row import ADVICE, RULES, cleaned, cleaned_question

pytestmark = pytest.mark.examples

CUT = Rules(brands=("LeafTalk",), min_answer_words=1, contacts="cut")
KEEP = Rules(packs=("wiki",), contacts="keep", min_answer_words=1)


@pytest.mark.parametrize(
    ("text", "mask", "cut"),
    [
        (
            "Go to https://acme.com/reset and enter your e-mail. If it fails call support at 1-415-555-0199 or write to help@acme.com.",
            "Go to https://acme.com/reset and enter your e-mail. If it fails call support at [phone] or write to [email].",
            "Go to https://acme.com/reset and enter your e-mail. If it fails call support or write.",
        ),
        (
            "Take pictures of the leaves and send them to me at jane@plants.org , then wait.",
            "Take pictures of the leaves and send them to me at [email] , then wait.",
            "Take pictures of the leaves and send them to me , then wait.",
        ),
        (
            "Take a picture and send it by mail to jane@plants.org\nWater it.",
            "Take a picture and send it by mail to [email]\nWater it.",
            "Take a picture and send it by mail\nWater it.",
        ),
        (
            "I called 555-123-4567 twice, and she (jane@plants.org) came.",
            "I called [phone] twice, and she ([email]) came.",
            "I called [phone] twice, and she came.",
        ),
        (
            "Pay to DE89 3704 0044 0532 0130 00 before Monday, with 4111 1111 1111 1111.",
            "Pay to [iban] before Monday, with [card].",
            "Pay to [iban] before Monday, with [card].",
        ),
        (f"{ADVICE} My page is www.plants.org/fern with pictures.", f"{ADVICE} My page is [link] with pictures.", None),
        (f"{ADVICE} Mail me at jane.doe@plants.org for pictures.", f"{ADVICE} Mail me at [email] for pictures.", f"{ADVICE} Mail me for pictures."),
        ("Dear Mr. Moss, water the fern.", "Dear [name], water the fern.", None),
    ],
)  # fmt: skip
def test_a_placeholder_stands_where_a_sentence_goes_on(text: str, mask: str, cut: str | None) -> None:
    rules = Rules(packs=("wiki",), min_answer_words=1)
    assert cleaned(text, rules) == mask
    assert cleaned(mask, rules) == mask
    assert cleaned(text, Rules(packs=("wiki",), min_answer_words=1, contacts="cut")) == (cut or mask)
    assert cleaned(text, KEEP) == text


@pytest.mark.parametrize(
    "contact",
    [
        " Call +1 (555) 123-4567 or 555-123-4567.",
        " Please write to jane (at) plants (dot) org.",
        " My page is www.plants.org/fern today.",
        " For further questions call me on 0171 2345678, or mail jane@plants.org!",
        "\n\nContact:\nPhone: 555-123-4567\nE-mail: jane@plants.org",
        "\njane@plants.org",
        "\n- Anna Moss",
        " Dr. John Fern, MD",
    ],
)
@pytest.mark.parametrize("rules", [RULES, CUT])
def test_a_sentence_that_says_nothing_else_goes_whole(contact: str, rules: Rules) -> None:
    assert cleaned(ADVICE + contact, rules) == ADVICE
    assert cleaned(f"{ADVICE}{contact}\nMist it too, and give it more light.", rules).endswith(
        "\nMist it too, and give it more light."
    )


def test_an_answer_that_is_a_contact_stays_as_a_placeholder() -> None:
    assert cleaned("You can reach us at help@acme.com.") == "You can reach us at [email]."
    assert cleaned_question("555-123-4567") == "[phone]"


@pytest.mark.parametrize(
    ("question", "rest"),
    [
        ("Hello, my name is Anna Moss. Why is it yellow?", "Hello. Why is it yellow?"),
        ("Why is it yellow? Thanks, Anna Moss", "Why is it yellow? Thanks."),
        ("I am Anna, 35 years old. Why is it yellow?", "I am 35 years old. Why is it yellow?"),
        ("Why is it yellow? Call 555-1234.", "Why is it yellow?"),
        ("Why is it yellow? Reach me on +49 171 2345678.", "Why is it yellow?"),
        ("I am Pregnant 24 years. Is Vitamin D 60000 10000 units weekly too much?", None),
    ],
)
def test_contact_data_of_a_question_goes(question: str, rest: str | None) -> None:
    assert cleaned_question(question) == (rest or question)


@pytest.mark.parametrize(
    "address",
    [
        "jane.doe+fern@plants.co.uk",
        "j_d@sub.plants.org",
        "jürgen@gärtner.de",
        "jane (at) plants (dot) org",
        "jane[at]plants.org",
        "jane at plants dot org",
        "jane dot doe at gmail dot com",
        "jane.doe at gmail.com",
    ],
)
def test_email_addresses(address: str) -> None:
    text = f"Send it to {address}, please."
    assert may_hold_an_address(text)
    assert [text[begin:end] for begin, end in emails(text)] == [address]


@pytest.mark.parametrize(
    "text",
    [
        "john@example.com",
        "you@yourdomain.com",
        "boss@company.com",
        "popper.js@1.16.1/dist",
        "git clone git@github.com:plants/fern.git",
        "@app.route and user@host",
        "Look at gmail",
        "I work at yahoo.com now",
        "at 5 dot 30",
        "https://user:secret@plants.org/x",
        "We meet (at noon) there.",
        "Copy it: scp notes.txt jane@host.plants.org:~/notes",
        "rsync -av ./notes jane@plants.org:/srv",
        "ssh -i key.pem jane@ec2-1-2.compute.plants.org",
        'git config --global user.email "jane@plants.org"',
        "Set user.email = jane@plants.org in it.",
        "sender = 'jane@plants.org'",
        "Server=tcp:db;User Id=jane@plants.org;Password=x",
        "Uid=jane@plants.org;Pwd=x",
        "smtp.sendmail(sender, 'jane@plants.org')",
        "C = A@B.transpose(1)",
        "import flask\napp@app.route('/')",
    ],
)
def test_what_is_nobodys_address_or_code_stays(text: str) -> None:
    assert list(emails(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "https://wa.me/4917112345",
        "t.me/annamoss",
        "https://www.linkedin.com/in/anna-moss",
        "Facebook.com/AnnaMoss",
        "mailto:jane@plants.org",
        "skype:annamoss",
        "https://user:secret@plants.org/x",
        "https://plants.org/?mail=jane@plants.org",
        "my own page https://plants.org/fern",
        "message me on www.plants.org",
        "my site is plants.org/fern",
    ],
)
def test_links_to_a_person(text: str) -> None:
    assert may_hold_an_address(text)
    assert [text[begin:end] for begin, end in personal_links(f"{text}")] == [text.split()[-1]]


@pytest.mark.parametrize(
    "text",
    [
        "https://acme.com/reset",
        "Our page is www.acme.com/help.",
        "toastmasters.org",
        "https://medium.com/@plants/fern",
        "See https://www.plants.org. My fern is ill.",
        "my clinic. See www.plants.org",
        "https://twitter.com",
    ],
)
def test_other_links_stay(text: str) -> None:
    assert list(personal_links(text)) == []


def test_what_is_left_of_a_link_goes() -> None:
    assert (
        cleaned("Ask a gardener about it --> <link>", Rules(packs=("wiki",), min_answer_words=1))
        == "Ask a gardener about it"
    )
    assert (
        cleaned("Use http:// or https:// in <link> here.", Rules(packs=("wiki",), min_answer_words=1))
        == "Use http:// or https:// in <link> here."
    )


@pytest.mark.parametrize(
    "text",
    [
        "Run `mail jane@plants.org` first.",
        "So:\n```\ncall('555-123-4567')\nsend('jane@plants.org')\n```\nDone.",
        "Say `my name is Anna` and `Hi Anna,` to it.",
    ],
)
def test_code_stays(text: str) -> None:
    assert cleaned(text, Rules(packs=("wiki",), min_answer_words=1)) == text


def test_beside_code_contacts_go() -> None:
    assert (
        cleaned("Run `a@b.org` and mail the log to jane@plants.org today.")
        == "Run `a@b.org` and mail the log to [email] today."
    )


def test_a_table_and_data_keep_their_lines() -> None:
    text = '| name | mail |\n| Fern | jane@plants.org |\n{"email": "jane@plants.org"}'
    assert email(Field("answer", text, Rules())) == text.replace("jane@plants.org", "[email]")


def test_an_example_shows_no_contact_data_and_no_name() -> None:
    assert masked("Dear Anna, write to jane@plants.org or call 555-123-4567.") == "Dear […], write to […] or call […]."
    assert masked("See https://wa.me/4917112345, GB82WEST12345698765432 or +49 171 2345678.") == "See […], […] or […]."
    assert (
        masked("send('jane@plants.org', visa='4111111111111111') # SSN 123456789")
        == "send('[…]', visa='[…]') # SSN […]"
    )


def test_a_name_beside_a_common_word_is_masked_too() -> None:
    assert masked("Hello Anna Thanks, I am Pregnant.") == "Hello […], I am Pregnant."


def test_an_example_shows_links_and_numbers_that_are_no_contact() -> None:
    text = "See https://plants.org/fern on order 4155551234 of 2024-06-22, 1 234 567 seeds, pi is 3.14159265358979. I am Pregnant. Hello Doctor."
    assert masked(text) == text


def test_the_addressee_of_a_letter_that_was_asked_for_stays() -> None:
    """However long it is; in any other answer he goes."""
    words = " ".join(f"Fern {number} stands well in the shade of tree {number + 7}." for number in range(9))
    letter = f"Subject: Ferns\n\nDear Mr. Moss,\n\n{words}\n\nSincerely,\nAnna Fern"
    rules = Rules(packs=(), min_answer_words=1)
    assert cleaned(letter, rules, "Write a letter to Mr. Moss on ferns.") == letter
    assert cleaned(letter, rules, "What about ferns?") == (f"Subject: Ferns\n\nDear [name],\n\n{words}\n\nSincerely.")


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("My SSN is 123-45-6789, I think.", "My SSN is [ssn], I think."),
        ("They asked for 123-45-6789 there.", "They asked for [ssn] there."),
        ("Her social security number was 123 45 6789 then.", "Her social security number was [ssn] then."),
        ("Call us with your order number: 12345678 today.", None),
        ("The order 4012888888881881 is late.", None),
        ("I paid by card 4012888888881881 today.", "I paid by card [card] today."),
        ("Thanks,\nAnna\nTel. 555-123-4567", "Thanks."),
    ],
)
def test_a_number_goes_under_the_name_of_what_it_is(text: str, rest: str | None) -> None:
    assert cleaned(text, Rules(packs=(), min_answer_words=1)) == (rest or text)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Extract the e-mail: ask jane@plants.org today", "jane@plants.org"),
        ("Extract the name and phone: call Jane on 0171 2345678", "Jane, 0171 2345678"),
        ("Format 4155550132 as a phone number.", "(415) 555-0132"),
        ("Please extract persons: My name is Jane Moss and I met Ann.", "Jane Moss, Ann"),
        ("Here is a letter. Complete the contact data:\n\nJane, jane@plants.org", "Jane Moss\nPhone: 415-555-0132"),
    ],
)
def test_contact_data_that_a_question_asks_to_handle_stays(question: str, answer: str) -> None:
    rows = [{"question": question, "answer": answer}]
    assert clean_batch(rows, RULES) == (rows, [""])


def test_contact_data_beside_another_question_goes() -> None:
    for question in (
        "Can you identify this fern? My e-mail is jane@plants.org",
        "Format my page. Mail jane@plants.org",
    ):
        assert "jane" not in cleaned_question(question)


def test_a_label_goes_with_its_number() -> None:
    rules = Rules(packs=(), min_answer_words=1)
    text = "Gießen Sie den Farn.\nSchöne Grüße, Ihr Farnhaus"
    assert cleaned(f"{text}, Tel. 030 901820, E-Mail jane@plants.org", rules) == text
    assert cleaned(f"{text} (Handy: 0171/2345678)", rules) == f"{text} (Handy: [phone])"
    assert cleaned("Gießen Sie den Farn.\nTelefon: 030/901820", rules) == "Gießen Sie den Farn."
    assert cleaned("给蕨类植物浇水。电话：13800138000", rules) == "给蕨类植物浇水。电话：[phone]"


def test_a_signature_takes_its_line_with_it() -> None:
    tally: Tally = {}
    clean_batch([{"question": "Why is it yellow\n- Anna Moss", "answer": ADVICE}], RULES, tally)
    assert {rule: count.characters_removed for rule, count in tally.items()} == {"signature": len("\n- Anna Moss")}
