"""The rules on what is no single exchange: on each exchange of a conversation by itself, and on plain text.

A turn of the user is cleaned as a question is, the last answer to it as an answer. Calls of tools and what those returned stay
as they are.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from job.cleaning.rules import clean_batch, shape
from job.cleaning.rules.rule import Count, Row, Rules, Tally
from job.cleaning.rules.works import STAND_IN
from job.modeling.conversation import Conversation, Turn


def clean_conversation(
    conversation: Conversation, rules: Rules, tally: Tally, notes: Counter[str]
) -> tuple[dict[str, Any], str]:
    """(row, reason), the row as it came if it must go.

    A conversation goes if one of its exchanges must. But where those are the last they are cut, and so is one whose answer says
    nothing but courtesies, wherever it stands, unless it calls a tool; the rule that drops it counts it. Only its longest
    answer has to be long enough. Its changes count as those of one row.
    """
    if sum(len(turn["content"]) for turn in conversation.turns) > shape.MOST_CHARACTERS:
        return conversation.row(), _dropped("enormous", tally)
    own: Tally = {}
    exchanges = conversation.exchanges()
    found = [
        _clean_exchange(exchange, conversation.system, replace(rules, min_answer_words=0), own)
        for exchange in exchanges
    ]
    last = len(found)
    while last and found[last - 1][1]:
        last -= 1
    stays = [place < last and not _is_courtesy(*one) for place, one in enumerate(found)]
    rest = [one for one, keep in zip(found, stays, strict=True) if keep]
    reason = next((reason for _, reason in rest if reason), "" if rest else found[0][1])
    kept = conversation.part([exchange for exchange, _ in rest])
    if not reason and _too_short(kept, rules):
        reason = "short_answer"
    if reason:
        return conversation.row(), _dropped(reason, tally)
    for (cut, why), keep in zip(found, stays, strict=True):
        if not keep:
            notes["turns_cut"] += len(cut)
            example = ("\n".join(turn["content"] for turn in cut), "")
            tally.setdefault(why, Count()).add(Count(exchanges=1, examples=[example]))
    for name, count in own.items():
        if count.changed or count.skipped:
            once = replace(count, changed=min(1, count.changed), dropped=0, skipped=min(1, count.skipped))
            tally.setdefault(name, Count()).add(once)
    return kept.row(), ""


def clean_text(text: str, rules: Rules, tally: Tally) -> tuple[dict[str, Any], str]:
    """Plain text, cleaned as an answer is."""
    (row,), (reason,) = clean_batch([{"question": STAND_IN, "answer": text}], rules, tally)
    return {"text": row["answer"]}, reason


def _clean_exchange(
    exchange: tuple[Turn, ...], system: str, rules: Rules, tally: Tally
) -> tuple[tuple[Turn, ...], str]:
    """The question, and the last turn if that is an answer in words."""
    question, last = exchange[0], exchange[-1]
    answered = last["role"] == "assistant" and not last.get("tool_calls")
    answer = last["content"] if answered else STAND_IN
    rows = [{"system": system, "question": question["content"], "answer": answer}]
    (row,), (reason,) = clean_batch(rows, rules, tally)
    turns = [{**question, "content": row["question"]}, *exchange[1:]]
    if answered:
        turns[-1] = {**last, "content": row["answer"]}
    return tuple(turns), reason


def _is_courtesy(exchange: tuple[Turn, ...], reason: str) -> bool:
    """Whether an exchange is thanks, a greeting or the like; what a tool returned in it may be needed later."""
    return reason == "nothing_but_boilerplate" and len(exchange) == 2


def _too_short(conversation: Conversation, rules: Rules) -> bool:
    """One that has calls of tools is never too short: what they returned may need few words."""
    if any("tool_calls" in turn for turn in conversation.turns):
        return False
    longest = max((conversation.turns[place]["content"] for place in conversation.answers()), key=len)
    return shape.short_answer(Row("", longest, rules))


def _dropped(reason: str, tally: Tally) -> str:
    tally.setdefault(reason, Count()).dropped += 1
    return reason
