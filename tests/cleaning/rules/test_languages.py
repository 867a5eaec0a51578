"""The word rules know English; rows in other languages pass them by, counted."""

from __future__ import annotations

import pytest

from job.cleaning.rules import Rules, clean_batch
from job.cleaning.rules.languages import is_foreign
from job.cleaning.rules.rule import Tally
from tests.cleaning.rules.one_row import ADVICE, QUESTION

pytestmark = pytest.mark.examples

RULES = Rules(packs=("qa-forum", "wiki", "escapes"), brands=("LeafTalk",), min_answer_words=1)
FOREIGN = (
    "Guten Tag! Gießen Sie den Farn zweimal in der Woche und stellen Sie ihn nicht in die Sonne. Mit freundlichen Grüßen",
    "Hola. Riegue el helecho dos veces por semana y no lo ponga al sol. Espero que le sirva. Saludos",
    "Bonjour ! Arrosez la fougère deux fois par semaine ; elle ne doit pas être au soleil.  Merci et bonne journée",
    "नमस्ते। फ़र्न को हफ़्ते में दो बार पानी दें और उसे धूप में न रखें। धन्यवाद",
    "你好!每周给蕨类植物浇水两次,不要放在阳光下。希望对你有帮助。",
    "こんにちは。シダには週に二回水をやり、日なたに置かないでください。よろしくお願いします。",
    "สวัสดีครับ รดน้ำเฟิร์นสัปดาห์ละสองครั้ง และอย่าวางไว้กลางแดด ขอบคุณครับ",
    "Здравствуйте! Поливайте папоротник два раза в неделю. С уважением, Анна",
    "مرحبا. اسق السرخس مرتين في الأسبوع ولا تضعه في الشمس. مع التحية",
)
ENGLISH = (
    ADVICE,
    QUESTION,
    "Hello, thanks for your query. Regards",
    "pinnae turn yellow",
    "Nephrolepis exaltata, Adiantum",
    "I’m 32, my fern's naïve café pot is no bigger!",
    "",
)


@pytest.mark.parametrize("text", FOREIGN)
def test_other_languages_are_kept_unchanged_and_counted(text: str) -> None:
    tally: Tally = {}
    row = {"question": text, "answer": text}
    assert clean_batch([row], RULES, tally) == ([row], [""])
    assert tally["opening"].skipped == 1  # the rule knows answers alone
    assert not any(count.changed for count in tally.values())


@pytest.mark.parametrize("text", FOREIGN)
def test_a_language_that_the_rules_do_not_know_is_told(text: str) -> None:
    assert is_foreign(text)


@pytest.mark.parametrize("text", ENGLISH)
def test_english_and_what_is_too_short_to_tell_is_not_foreign(text: str) -> None:
    assert not is_foreign(text)


def test_markup_goes_in_any_language() -> None:
    text = "Der [[Farn|Farn]] wächst im Schatten und ist nicht für die Sonne. {{Quelle|x}}"
    found, _ = clean_batch([{"question": QUESTION, "answer": text}], RULES)
    assert found[0]["answer"] == "Der Farn wächst im Schatten und ist nicht für die Sonne."
