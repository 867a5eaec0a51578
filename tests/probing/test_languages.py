"""Answers in another script or language than was asked for."""

from __future__ import annotations

import pytest

from job.probing.languages import keeps_language, kept_together, main_language

pytestmark = pytest.mark.examples

TEXTS = {
    "en": "Ferns grow in the shade of old trees, where the soil stays moist and the wind is never strong. They have no flowers, "
    "but spores under their leaves, which the wind carries far.",
    "de": "Farne wachsen im Schatten alter Bäume, wo der Boden feucht bleibt und der Wind nie stark ist. Sie haben keine Blüten, "
    "sondern Sporen unter den Blättern, die der Wind weit trägt.",
    "fr": "Les fougères poussent à l'ombre des vieux arbres, là où le sol reste humide et où le vent n'est jamais fort. Elles n'ont "
    "pas de fleurs, mais des spores sous leurs feuilles.",
    "es": "Los helechos crecen a la sombra de los árboles viejos, donde el suelo permanece húmedo y el viento nunca es fuerte. No "
    "tienen flores, sino esporas debajo de las hojas.",
    "ru": "Папоротники растут в тени старых деревьев, где почва остаётся влажной, а ветер никогда не бывает сильным. У них нет "
    "цветов, но есть споры под листьями.",
    "zh": "蕨类植物生长在老树的树荫下，那里的土壤保持湿润，风从不强烈。它们没有花，但叶子下面有孢子，风会把孢子带到很远的地方。",
    "ja": "シダは古い木の陰に育ち、そこでは土が湿っていて風も強くありません。花は咲きませんが、葉の裏に胞子があり、風が遠くまで運びます。",
    "ko": "고사리는 오래된 나무의 그늘에서 자라며 그곳의 흙은 늘 촉촉하고 바람이 강하지 않습니다. 꽃은 없지만 잎 아래에 포자가 있습니다.",
    "ar": "تنمو السرخسيات في ظل الأشجار القديمة حيث تبقى التربة رطبة ولا تكون الرياح قوية أبدا. ليس لها أزهار ولكن لها أبواغ تحت أوراقها.",
    "el": "Οι φτέρες μεγαλώνουν στη σκιά παλιών δέντρων, όπου το χώμα μένει υγρό και ο άνεμος δεν είναι ποτέ δυνατός.",
}
OTHERS = [
    ("en", "de"),
    ("en", "fr"),
    ("en", "es"),
    ("en", "ru"),
    ("en", "zh"),
    ("en", "ja"),
    ("en", "ko"),
    ("en", "ar"),
    ("en", "el"),
    ("de", "en"),
    ("fr", "en"),
    ("es", "en"),
    ("ru", "en"),
    ("zh", "en"),
    ("ja", "zh"),
    ("ja", "ko"),
    ("ru", "el"),
    ("fr", "de"),
]
UNSAID = {
    "a short answer": "Ferns.",
    "a name in another script": "Папоротник",
    "a number": "42 1984 12.5 100 2,000 33 41 57",
    "code": "```python\nfor fern in ferns:\n    fern.water(amount_of_water)\n    fern.turn_around()\n```",
    "nothing": "",
    "half and half": "Fern is fougère; " + "папоротник называется " * 3 + "the same in English as anywhere",
}


@pytest.mark.parametrize(("wanted", "said"), OTHERS)
def test_another_language_is_seen(wanted: str, said: str) -> None:
    assert keeps_language("Why?", TEXTS[wanted], TEXTS[said]) is False
    assert keeps_language(TEXTS[wanted], "", TEXTS[said]) is False


@pytest.mark.parametrize("language", TEXTS)
def test_the_same_language_is_kept(language: str) -> None:
    text = f"{TEXTS[language]} {TEXTS[language]}"  # short ones of a script of many languages are not sure
    assert keeps_language("Why?", text, text)
    assert keeps_language(text, "", text)


@pytest.mark.parametrize("text", UNSAID.values(), ids=UNSAID)
def test_nothing_is_said_of_what_has_too_few_letters_of_one_script(text: str) -> None:
    assert keeps_language("Why?", TEXTS["en"], text) is None
    assert keeps_language("Why?", text, TEXTS["en"]) is None or not text


@pytest.mark.parametrize(
    "question", ["Translate this to German: ", "Write in French about this: ", "Übersetze das: ", "把这个翻译成德语："]
)
def test_a_question_that_names_a_language_needs_a_reference(question: str) -> None:
    assert keeps_language(question + TEXTS["en"], "", TEXTS["de"]) is None
    assert keeps_language(question + TEXTS["en"], TEXTS["de"], TEXTS["de"])


def test_quoted_code_and_foreign_words_change_no_language() -> None:
    quoted = TEXTS["de"] + "\n\n```python\nfor fern in ferns:\n    fern.water()\n```\nIn England: the fern."
    assert keeps_language("Warum?", TEXTS["de"], quoted)


SHORT = {
    "de": [
        "Gib dem Farn etwas Schatten.",
        "Gieße ihn nur einmal in der Woche.",
        "Die Erde soll locker und feucht sein.",
    ],
    "en": ["Give the fern a little shade.", "Water it only once in a week.", "The soil should be loose and moist."],
}


def test_a_few_german_words_are_no_language_since_the_identifier_is_not_sure() -> None:
    """They kept the language, once, whatever it was."""
    assert keeps_language("Why?", TEXTS["en"], SHORT["de"][0] + SHORT["de"][1]) is None
    assert keeps_language("Why?", TEXTS["el"], "Οι φτέρες μεγαλώνουν στη σκιά παλιών δέντρων, όπου"), (
        "one language has it"
    )


@pytest.mark.parametrize(("wanted", "said", "kept"), [("de", "en", False), ("en", "de", False), ("de", "de", True)])
def test_short_answers_are_judged_together(wanted: str, said: str, kept: bool) -> None:
    references = [f"{text} ({number})" for number in range(7) for text in SHORT[wanted]]
    answers = [text for _ in range(7) for text in SHORT[said]]
    assert kept_together(["Why?"] * 21, references, answers) == [kept] * 21


def test_long_answers_labels_and_references_in_two_languages_are_not_judged_together() -> None:
    references = [*SHORT["de"] * 7, TEXTS["de"], "Schatten", ""]
    answers = [*SHORT["en"] * 7, TEXTS["en"], "shade", "Give it some shade and water."]
    assert kept_together(["Why?"] * 24, references, answers) == [False] * 21 + [None] * 3
    mixed = SHORT["de"] * 7 + SHORT["en"] * 7
    assert set(kept_together(["Why?"] * 42, mixed, mixed[::-1])) == {None}
    assert kept_together(["Why?"] * 3, SHORT["de"], SHORT["en"]) == [None] * 3, "too few letters"


ENGLISH = "Ferns need shade and water, and in winter they rest for some weeks, so they should get much less of it than before then. Their old leaves may stay on the plant until spring."
GERMAN = "Farne brauchen Schatten und Wasser, und im Winter ruhen sie einige Wochen, weshalb sie dann viel weniger davon bekommen. Ihre alten Wedel dürfen bis zum Frühjahr an der Pflanze bleiben."


def test_the_language_of_the_data_is_that_of_nearly_all_answers() -> None:
    assert main_language([ENGLISH] * 19 + [GERMAN]) == "en"
    assert main_language([ENGLISH] * 4 + [GERMAN]) == ""
    assert main_language([GERMAN, "Ja.", ""]) == "de"
    assert main_language(["Yes."]) == main_language([]) == ""
