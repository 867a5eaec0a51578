"""An answer or a question through all rules, for the tests of each family."""

from __future__ import annotations

from job.cleaning.rules import Rules, clean_batch

RULES = Rules(brands=("LeafTalk",), min_answer_words=1)
ADVICE = "Water it twice a week. Keep it out of the sun."
QUESTION = "Why are the leaves of my fern yellow?"


def cleaned(answer: str, rules: Rules = RULES, question: str = QUESTION) -> str:
    """The answer after the rules, or why the row goes."""
    rows, reasons = clean_batch([{"question": question, "answer": answer}], rules)
    return reasons[0] or rows[0]["answer"]


def cleaned_question(question: str, rules: Rules = RULES) -> str:
    rows, reasons = clean_batch([{"question": question, "answer": ADVICE}], rules)
    return reasons[0] or rows[0]["question"]
