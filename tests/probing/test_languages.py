"""Answers in another script or language than was asked for."""

from __future__ import annotations

import pytest

from job.probing.languages import keeps_language, main_language

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
    text = TEXTS[language]
    assert keeps_language("Why?", text, text + text)
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


def test_a_few_german_words_are_no_language_since_the_identifier_is_not_sure() -> None:
    assert keeps_language("Why?", TEXTS["en"], "Farne wachsen gern unter alten, hohen Bäumen im Wald.")


ENGLISH = "Ferns need shade and water, and in winter they rest for some weeks, so they should get much less of it than before then. Their old leaves may stay on the plant until spring."
GERMAN = "Farne brauchen Schatten und Wasser, und im Winter ruhen sie einige Wochen, weshalb sie dann viel weniger davon bekommen. Ihre alten Wedel dürfen bis zum Frühjahr an der Pflanze bleiben."


def test_the_language_of_the_data_is_that_of_nearly_all_answers() -> None:
    assert main_language([ENGLISH] * 19 + [GERMAN]) == "en"
    assert main_language([ENGLISH] * 4 + [GERMAN]) == ""
    assert main_language([GERMAN, "Ja.", ""]) == "de"
    assert main_language(["Yes."]) == main_language([]) == ""
