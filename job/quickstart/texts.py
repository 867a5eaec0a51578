"""Everything that the quickstart's base model and rows say about house plants, written for this project.

One set of facts, told in three voices: care sheets (plain pages), an assistant that opens every answer with filler (both
are what the base model is pretrained on), and a forum whose answers carry greetings and sign-offs around plain advice
(the rows that the job cleans and trains on).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

SYSTEM_PROMPT = "You give advice on house plants."
BRAND = "Leafwise"


@dataclass(frozen=True)
class Plant:
    name: str
    water: str
    winter: str
    light: str
    soil: str
    pest: str
    feed: str
    warmth: str


PLANTS = tuple(
    Plant(*(part.strip() for part in line.split("|")))
    for line in """
    snake plant       | every three weeks  | once a month      | a dim corner     | cactus soil       | mealybugs     | twice a year      | 15 to 30 degrees
    spider plant      | twice a week       | every ten days    | half shade       | potting soil      | aphids        | every two weeks   | 12 to 25 degrees
    peace lily        | twice a week       | once a week       | half shade       | peaty soil        | spider mites  | once a month      | 18 to 28 degrees
    rubber tree       | once a week        | every two weeks   | bright shade     | potting soil      | scale insects | every two weeks   | 16 to 28 degrees
    aloe              | every two weeks    | once a month      | full sun         | cactus soil       | mealybugs     | twice a year      | 10 to 30 degrees
    boston fern       | every other day    | twice a week      | deep shade       | peaty soil        | scale insects | once a month      | 15 to 24 degrees
    monstera          | once a week        | every two weeks   | bright shade     | orchid bark       | thrips        | every two weeks   | 18 to 30 degrees
    jade plant        | every two weeks    | once a month      | full sun         | cactus soil       | mealybugs     | twice a year      | 8 to 27 degrees
    calathea          | twice a week       | once a week       | deep shade       | peaty soil        | spider mites  | once a month      | 18 to 27 degrees
    orchid            | once a week        | every ten days    | bright shade     | orchid bark       | scale insects | every two weeks   | 17 to 28 degrees
    english ivy       | twice a week       | once a week       | half shade       | potting soil      | spider mites  | once a month      | 5 to 20 degrees
    dragon tree       | once a week        | every three weeks | half shade       | potting soil      | thrips        | once a month      | 16 to 26 degrees
    zz plant          | every three weeks  | once a month      | a dim corner     | cactus soil       | aphids        | twice a year      | 16 to 29 degrees
    begonia           | twice a week       | once a week       | bright shade     | peaty soil        | whiteflies    | every two weeks   | 15 to 25 degrees
    lemon tree        | every other day    | once a week       | full sun         | sandy soil        | scale insects | once a week       | 5 to 32 degrees
    basil             | every day          | every other day   | full sun         | potting soil      | aphids        | once a week       | 15 to 30 degrees
    umbrella tree     | once a week        | every two weeks   | bright shade     | potting soil      | spider mites  | once a month      | 14 to 26 degrees
    bonsai            | every day          | twice a week      | full sun         | sandy soil        | aphids        | every two weeks   | 5 to 25 degrees
    hibiscus          | every day          | once a week       | full sun         | potting soil      | whiteflies    | once a week       | 15 to 30 degrees
    bird of paradise  | twice a week       | every two weeks   | full sun         | sandy soil        | thrips        | every two weeks   | 16 to 30 degrees
    """.strip().splitlines()
)

TOPICS = ("watering", "light", "soil", "pests", "feeding", "yellow leaves", "warmth", "repotting")

QUESTIONS = {
    "watering": ("How often should I water my {n}?", "When does a {n} need water?", "How much water does my {n} want?"),
    "light": ("Where should I put my {n}?", "How much light does a {n} need?", "Which place is right for my {n}?"),
    "soil": ("Which soil is best for a {n}?", "What should I plant my {n} in?", "What soil does my {n} like?"),
    "pests": (
        "There are small insects on my {n}. What are they?",
        "What is eating my {n}?",
        "Which pest is on my {n}?",
    ),
    "feeding": ("How often should I feed my {n}?", "Does my {n} need plant food?", "When do I give food to a {n}?"),
    "yellow leaves": (
        "Why does my {n} have yellow leaves?",
        "My {n} is turning yellow. Why?",
        "What makes a {n} go yellow?",
    ),
    "warmth": ("How warm should a {n} stand?", "Is my {n} too cold?", "What temperature does my {n} like?"),
    "repotting": ("When should I repot my {n}?", "Does my {n} need a larger pot?", "How do I repot a {n}?"),
}

# The plain voice: what a good answer says.
PLAIN = {
    "watering": (
        "Water the {n} {water} in summer and {winter} in winter. Touch the soil first: while the top is still damp, wait one "
        "more day. Pour slowly until water runs out below, and empty the saucer.",
        "A {n} drinks {water} while it grows and {winter} in winter. Use water that has stood for a day. Soft brown stems mean "
        "too much water, and dry curled leaves mean too little of it.",
    ),
    "light": (
        "The {n} grows best in {light}. Turn the pot a little each week so that every side gets its share. Long thin stems show "
        "that it stands too dark, pale spots that it has too much sun.",
        "Give the {n} a place in {light}. Keep it away from the heater and from cold wind. Move it slowly, over one or two weeks, "
        "because a sudden change makes it drop its leaves.",
    ),
    "soil": (
        "Plant the {n} in {soil}. Mix in a handful of coarse sand so that water can run through. A pot with a hole and a layer of "
        "broken clay at the bottom keeps the roots from rotting.",
        "Use {soil} for the {n}. Old soil gets hard and holds no air, so change it every two years. Press it down only lightly, "
        "because the roots need air as much as water.",
    ),
    "pests": (
        "On a {n} these are most often {pest}. Wash the leaves under the shower, also from below. Then wipe them with soapy water "
        "every three days for two weeks, and keep the pot away from others.",
        "The usual guest on a {n} is {pest}. Cut off the worst leaves and put them in the bin. Spray the rest with water and a "
        "little soap in the evening, and look again after three days.",
    ),
    "feeding": (
        "Feed the {n} {feed} from spring to autumn. Take half of what the bottle says, and only on damp soil. In winter it rests "
        "and needs nothing. White crust on the soil shows too much food.",
        "A {n} wants food {feed} while it grows. Mix it into the water, half as strong as the label says. Stop in late autumn and "
        "begin again when the first new leaf appears in spring.",
    ),
    "yellow leaves": (
        "A {n} turns yellow when its roots stand in water. Let the soil dry and then water {water} only. One old leaf at the "
        "bottom may go yellow at any time, and you can simply cut it off.",
        "Yellow leaves on a {n} come from too much water or from too little light. Water {water}, and move the pot to {light}. If "
        "new leaves stay green after a month, all is well again.",
    ),
    "warmth": (
        "The {n} likes {warmth}. Keep it away from cold windows at night and from hot dry air above a heater. Below that it stops "
        "growing, and after one cold night its leaves may turn dark.",
        "Keep the {n} at {warmth}. A cool room is fine for a short time when the soil is dry. Open windows in winter are the usual "
        "reason for brown leaf tips and for dropped leaves.",
    ),
    "repotting": (
        "Repot the {n} in spring, every second year. The new pot is two fingers wider than the old one. Fill it with {soil}, set "
        "the plant as deep as before, and water it only after three days.",
        "A {n} needs a new pot when roots grow out below. Take one that is a little wider, and fill it with {soil}. Shake off the "
        "old soil, cut soft roots, and keep the plant in shade for a week.",
    ),
}

# The assistant's voice: filler first, the same facts in other words, more filler at the end.
FILLERS = (
    "As a plant care assistant, I'd be happy to help you with that!",
    "Great question! I'd be happy to help you with your {n}.",
    "Thank you for your question! I'd be glad to help.",
    "Hello! I'd be happy to help you with your {n} today.",
)
FILLER_ENDS = (
    "I hope this helps! Let me know if you have any other questions.",
    "Feel free to ask if you have any other questions!",
    "Let me know if I can assist you further.",
)
TALKY = {
    "watering": "When it comes to water, many owners of a {n} find that {water} is a good rule, and about {winter} in winter.",
    "light": "When it comes to light, many owners of a {n} find that {light} is a good place for it.",
    "soil": "When it comes to soil, many owners of a {n} find that {soil} is a good choice for it.",
    "pests": "When it comes to insects, many owners of a {n} find that it is {pest} they have to deal with.",
    "feeding": "When it comes to plant food, many owners of a {n} find that {feed} is a good rule.",
    "yellow leaves": "When it comes to yellow leaves, many owners of a {n} find that water {water} is a good rule.",
    "warmth": "When it comes to temperature, many owners of a {n} find that {warmth} is a good range.",
    "repotting": "When it comes to a new pot, many owners of a {n} find that {soil} in spring is a good choice.",
}
TALKY_MIDDLE = (
    "There are several things to consider, and every home is different.",
    "It is important to remember that every plant is different.",
    "Of course this depends on your home and on the time of the year.",
)

# The forum's voice: boilerplate around the plain advice.
GREETINGS = (
    "Hi, welcome to Leafwise forum.",
    "Hello,",
    "Hello, thanks for your question.",
    "Hi there, thank you for writing to Leafwise.",
    "Dear user, I have gone through your query.",
    "Hi. Thanks for posting your query here.",
    "Hello and welcome to Leafwise. I understand your concern.",
    "Hello, I am Dr. Fern and I will answer your question.",
    "Good morning, thanks for using Leafwise.",
    "",
)
SIGN_OFFS = (
    "Hope this helps. Regards, Leafwise team.",
    "Hope I have answered your question. Let me know if I can assist you further.",
    "Please feel free to ask if you have any further questions. Thanks.",
    "Wish you and your plant good health. Regards.",
    "I hope this helps you. Take care.",
    "If you have any more questions, do write back. Best wishes.",
    "Kind regards, Leafwise",
    "",
)
ASIDES = ("", "", "I bought it last month. ", "It stands in my kitchen. ", "It was a gift. ", "I am new to plants. ")

# Asked before and after; their pairs of plant and topic are in no row.
PROBE_PAIRS = (
    ("monstera", "watering"),
    ("aloe", "light"),
    ("calathea", "pests"),
    ("lemon tree", "feeding"),
    ("orchid", "soil"),
)


def fill(template: str, plant: Plant) -> str:
    if plant.name[0] in "aeiou":
        template = re.sub(r"\b([Aa]) \{n\}", r"\1n {n}", template)
    return template.format(n=plant.name, **{key: value for key, value in vars(plant).items() if key != "name"})


def probe_questions() -> list[str]:
    plants = {plant.name: plant for plant in PLANTS}
    return [fill(QUESTIONS[topic][0], plants[name]) for name, topic in PROBE_PAIRS]


def care_sheets(random_numbers: random.Random) -> Iterator[str]:
    """A plain page on one plant: what the base model has read about all facts, in the plain voice."""
    while True:
        plant, topic = random_numbers.choice(PLANTS), random_numbers.choice(TOPICS)
        yield f"{topic.capitalize()} of the {plant.name}\n\n{fill(random_numbers.choice(PLAIN[topic]), plant)}"


def assistant_chats(random_numbers: random.Random) -> Iterator[tuple[str, str]]:
    """Question and answer in the voice that the base model answers with."""
    while True:
        plant, topic = random_numbers.choice(PLANTS), random_numbers.choice(TOPICS)
        question = random_numbers.choice(ASIDES) + fill(random_numbers.choice(QUESTIONS[topic]), plant)
        answer = " ".join(
            (
                fill(random_numbers.choice(FILLERS), plant),
                fill(TALKY[topic], plant),
                random_numbers.choice(TALKY_MIDDLE),
                random_numbers.choice(FILLER_ENDS),
            )
        )
        yield question, answer


def forum_rows(random_numbers: random.Random, count: int) -> list[dict[str, str]]:
    """`count` rows as scraped from a forum, damaged ones among them."""
    pairs = [(plant, topic) for plant in PLANTS for topic in TOPICS if (plant.name, topic) not in PROBE_PAIRS]
    plans = [(plant, topic, q, a) for plant, topic in pairs for q in range(3) for a in range(2)]
    random_numbers.shuffle(plans)
    rows = []
    for plant, topic, question, answer in plans[:count]:
        text = fill(PLAIN[topic][answer], plant)
        asked = random_numbers.choice(ASIDES) + fill(QUESTIONS[topic][question], plant)
        rows.append(_row(asked, _wrapped(text, random_numbers)))
    return _with_damage(rows, random_numbers)


def _wrapped(text: str, random_numbers: random.Random) -> str:
    parts = (random_numbers.choice(GREETINGS), text, random_numbers.choice(SIGN_OFFS))
    return " ".join(part for part in parts if part)


def _row(question: str, answer: str) -> dict[str, str]:
    return {"instruction": SYSTEM_PROMPT, "input": question, "output": answer}


def _with_damage(rows: list[dict[str, str]], random_numbers: random.Random) -> list[dict[str, str]]:
    """What a scraped data set holds: copies, stubs, the brand where it does not belong, endless answers."""
    damaged = [dict(row) for row in random_numbers.sample(rows, 15)]  # exact duplicates
    for row in random_numbers.sample(rows, 8):
        damaged.append(_row(row["input"] + " Please hurry!", "Hello, please send a photo of the plant first. Regards."))
    for row in random_numbers.sample(rows, 5):
        damaged.append(_row(f"I have asked {BRAND} before. {row['input']}", row["output"]))
    for row in random_numbers.sample(rows, 5):
        first, _, rest = row["output"].partition(": ")
        damaged.append(
            _row(
                f"Good day. {row['input']}",
                f"{first} at {BRAND} shop and read on. {rest} The guide of {BRAND} says more about every plant and every pot. Read it there and come again.",
            )
        )
    for row in random_numbers.sample(rows, 3):
        damaged.append(_row(f"Tell me everything. {row['input']}", " ".join([row["output"]] * 14)))
    for row in random_numbers.sample(rows, 2):
        damaged.append(_row(row["input"] + " Anyone?", ""))
    every = rows + damaged
    random_numbers.shuffle(every)
    return every
