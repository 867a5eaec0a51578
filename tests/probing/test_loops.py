"""Answers that loop, and answers that repeat themselves with good reason."""

from __future__ import annotations

import pytest

from job.probing.loops import items, loops, repeated_lines, repeated_phrases, words

pytestmark = pytest.mark.light

VITAMINS = [f"Vitamin {letter} keeps the leaves healthy." for letter in "ABCDEFGHIJKLMNOP"]
COUNTRIES = """Austria Belgium Bulgaria Croatia Cyprus Czechia Denmark Estonia Finland France Germany Greece Hungary Ireland
    Italy Latvia Lithuania Luxembourg Malta Netherlands Poland Portugal Romania Slovakia Slovenia Spain Sweden""".split()
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SONG = """Oh the tide comes in and the tide goes out,
And the gulls fly over the quay,
With a heave and a ho and a turn about,
We are bound for the open sea.

The mate has a dog and the cook has a cat,
The captain a bird in a cage,
The boy in the bow wears his grandfather's hat
And a coat that is twice his age.

Oh the tide comes in and the tide goes out,
And the gulls fly over the quay,
With a heave and a ho and a turn about,
We are bound for the open sea.

The wind from the west brings the rain and the cold,
The wind from the south brings the sun,
The stories at night are the stories of old
And we tell every single one.

Oh the tide comes in and the tide goes out,
And the gulls fly over the quay,
With a heave and a ho and a turn about,
We are bound for the open sea."""
FILLER = (
    "Roots take up water and minerals, and the stem carries both to the leaves, where light turns them into sugar. "
)

LOOPS = {
    "a row of dots": "the.................. its.",
    "one word": "the " * 200,
    "one word behind a sentence": "Water the fern twice a week. It likes the the the the the the the the the the the the the the",
    "two words": "root rot " * 60,
    "a sentence": "Water it well in the morning. " * 30,
    "a sentence behind prose": FILLER + "Do not water it at night. " * 6,
    "a paragraph": (FILLER * 2 + "\n\n") * 5,
    "two sentences in turn": "It needs light. It needs air. " * 20,
    "a line": "- Check the soil for pests\n" * 20,
    "an item under a new number": "\n".join(f"{n}. Check the soil for pests." for n in range(1, 25)),
    "the last words of an item": "1. Lack of light\n2. Lack of water\n3. Lack of air and of air and of air and of air and of air and of air",
    "a question and its answer": ("Question: How often? Answer: Once a week, in the morning.\n") * 12,
    "letters": "That is so funny, hahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahahaha",
    "one letter": "A" + "a" * 300,
    "Chinese": "植物需要阳光和水。" * 15,
    "Japanese": "水をやってください。" * 12,
    "Russian": "Поливайте растение утром. " * 20,
    "sentences in any order": " ".join(
        ("Keep it dry in winter.", "Give it light.", "Turn the pot each week.")[n * n % 7 % 3] for n in range(60)
    ),
    "stuttering": "As a plant care assistant assistant assistant assistant assistant, I'd water the leaves leaves leaves leaves.",
    "one loop behind another": "It wants wants " + "begin " * 30 + "also " * 20 + "what what wheat rye barley",
    "bold items": "**Light:** it needs light.\n**Water:** it needs water.\n" * 15,
}
ENDLESS = {
    "code": "```python\n" + "print('hello')\n" * 40,
    "a table": "| day | dose |\n| --- | --- |\n" + "| Monday | 5 mg |\n" * 30,
    "dashes": FILLER + "-" * 500,
    "zeros": "The serial number is " + "0" * 600,
    "bullets alike": "\n".join(f"- {item}" for item in VITAMINS),
    "numbers alike": "Causes are:\n" + "\n".join(f"{n}. {item}" for n, item in enumerate(VITAMINS, 1)),
    "numbers in a line": "Causes are: " + " ".join(f"{n}. {item}" for n, item in enumerate(VITAMINS, 1)),
    "between commas": "It lacks " + ", ".join(f"vitamin {letter}" for letter in "ABCDEFGHIJKLMNO"),
    "counted steps": " ".join(f"Step {n}: repeat step {n - 1}." for n in range(2, 40)),
    "versions of one item": "\n".join(f"- Aloe plant number {n} of the {n}th shelf" for n in range(1, 30)),
}
RIGHT = {
    "prose": FILLER,
    "nothing": "",
    "a short answer": "No, no, no!",
    "a numbered list": "\n".join(
        [
            "1. Fill the pot.",
            "2. Set the plant.",
            "3. Press the soil.",
            "4. Water it.",
            "5. Wait a week.",
            "6. Feed it.",
        ]
    ),
    "a long list": "\n".join(f"{n}. {country}" for n, country in enumerate(COUNTRIES, 1)),
    "a list in a line": "They are " + ", ".join(COUNTRIES) + ".",
    "doses by day": "\n".join(f"- {day}: 5 mg in the morning, 10 mg in the evening" for day in DAYS),
    "doses by hour": "\n".join(f"{hour}:00: 2.5 ml of syrup with a glass of water" for hour in range(6, 24, 2)),
    "doses by month": "\n".join(f"Day {day}: take {day * 5} mg of the tablets." for day in range(1, 31)),
    "a song with a chorus": SONG,
    "a round": "Row, row, row your boat gently down the stream. Merrily, merrily, merrily, merrily, life is but a dream.",
    "a refrain": "\n".join(f"{line}\nBlow, wind, blow." for line in FILLER.replace(",", ".").split(". ") * 2),
    "a rhyme that counts": "\n".join(
        f"{n} green bottles hanging on the wall, and if 1 green bottle should fall, there'll be {n - 1}."
        for n in (5, 4, 3)
    ),
    "code": "def grow(plants):\n    for plant in plants:\n        plant.water()\n        plant.turn()\n        plant.feed()\n"
    * 2,
    "html": "<ul>\n" + "  <li><a href='#'>Home</a></li>\n" * 12 + "</ul>",
    "a matrix": "```\n" + "0 0 0 0 0 0 0 0\n" * 8 + "```",
    "a table": "| day | water |\n| --- | --- |\n" + "".join(f"| {day} | 200 ml |\n" for day in DAYS),
    "the times table": "\n".join(f"7 x {n} = {7 * n}" for n in range(1, 21)),
    "a ruler": "Title\n" + "-" * 60 + "\n" + FILLER,
    "blanks to fill in": "Name: " + "_" * 100 + "\nAddress: " + "_" * 100,
    "a speech": " ".join(
        f"I have a dream that one day {who} will be free." for who in ("you", "we", "they", "all of us")
    ),
    "buffalo": "Buffalo buffalo Buffalo buffalo buffalo buffalo Buffalo buffalo.",
    "emphasis": "It is very, very, very, very important. No, no, no: keep it dry, dry, dry.",
    "lyrics": "Na na na na na na na na, hey hey hey, goodbye!",
    "Chinese": "植物需要阳光、水和空气。春天换盆，夏天多浇水，秋天少施肥，冬天放在室内。",
    "a proof": "\n".join(f"{n} + {n + 1} = {2 * n + 1}, which is odd." for n in range(1, 8)),
}
CUT = {
    "prose": FILLER * 1 + "In winter it rests, and in spring the first leaves unfold as soon as the days are",
    "countries that were asked for": "\n".join(f"{n}. {country}" for n, country in enumerate(COUNTRIES, 1)),
    "a list of steps": "1. Fill the pot with soil.\n2. Make a hole.\n3. Set the plant into it.\n4. Press the soil and",
    "code": "def water(plant):\n    plant.water()\n\ndef feed(plant):\n    plant.feed()\n\ndef turn(plant):\n    plant.tu",
    "a table": "| day | water |\n| --- | --- |\n" + "".join(f"| {day} | {len(day) * 10} ml |\n" for day in DAYS[:4]),
    "a song": SONG[:-40],
}


@pytest.mark.parametrize("text", LOOPS.values(), ids=LOOPS)
@pytest.mark.parametrize("stopped", [True, False])
def test_a_loop_is_seen_whether_it_ends_or_not(text: str, stopped: bool) -> None:
    assert loops(text, stopped=stopped)


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS)
def test_what_never_ends_is_seen_at_the_limit(text: str) -> None:
    assert loops(text, stopped=False)


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_what_repeats_itself_with_good_reason_is_no_loop(text: str) -> None:
    assert not loops(text, stopped=True)


@pytest.mark.parametrize("text", CUT.values(), ids=CUT)
def test_what_the_limit_cuts_off_is_no_loop(text: str) -> None:
    assert not loops(text, stopped=False)


def test_a_list_that_is_far_longer_than_the_references_never_ends() -> None:
    countries = CUT["countries that were asked for"]
    assert loops(countries, stopped=False, reference="1. Austria\n2. Belgium")
    assert not loops(countries, stopped=False, reference="They are " + ", ".join(COUNTRIES[:20]))


def test_a_sentence_said_twice_is_no_share_of_lines() -> None:
    assert repeated_lines("Keep it dry. Keep it dry.") == 0
    assert repeated_lines("1. Keep it dry.\n2. Keep it dry.\n3. Keep it dry.\n4. Turn it.") == pytest.approx(3 / 11)


def test_phrases_are_of_eight_words() -> None:
    assert repeated_phrases(words("a b c d e f g")) == 0
    assert repeated_phrases(words("a b c d e f g h A B C D E F G H")) == pytest.approx(1 / 9)


def test_items_are_those_of_the_list_at_the_end() -> None:
    assert items("- one\n- two\n\nSo:\n- three\n  goes on\n- four") == ["three", "four"]
    assert items("It is 1. small 2. green 3. wet") == ["small ", "green ", "wet"]
    assert items("Many. Light, air, water") == ["Light", "air", "water"]
