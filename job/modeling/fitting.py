"""Conversations and texts that have more tokens than a row may have: cut at the front, or in parts that each fit."""

from __future__ import annotations

from typing import Any

from job.modeling.chat import Chat
from job.modeling.conversation import Conversation
from job.modeling.examples import Tokens


def cut(chat: Chat, row: dict[str, Any], loss: str, limit: int) -> dict[str, Any] | None:
    """The row without as many exchanges from the front as are needed for at most `limit` tokens; None if the last one alone has
    more, or the row has only one."""
    if "turns" not in row:
        return None
    conversation = Conversation.of(row)
    exchanges = conversation.exchanges()
    while len(exchanges) > 1 and not any(conversation.part(exchanges[-1:]).learned()):
        exchanges.pop()  # what is context for nothing
    first, last = 1, len(exchanges)
    while first < last:  # the fewest to cut: more are never longer
        middle = (first + last) // 2
        if _longest(chat, conversation.part(exchanges[middle:]).row(), "last") <= limit:
            last = middle
        else:
            first = middle + 1
    while first < len(exchanges):  # in pieces a text may have a few tokens more
        found = conversation.part(exchanges[first:]).row()
        if _longest(chat, found, loss) <= limit:
            return found
        first += 1
    return None


def parts(chat: Chat, row: dict[str, Any], loss: str, limit: int) -> list[dict[str, Any]]:
    """Rows of at most `limit` tokens, each of as many exchanges as fit, in their order. An exchange that alone has more is in
    none of them."""
    conversation = Conversation.of(row)
    found: list[dict[str, Any]] = []
    begin, exchanges = 0, conversation.exchanges()
    while begin < len(exchanges):
        end = begin
        while end < len(exchanges):
            longer = conversation.part(exchanges[begin : end + 1]).row()
            if _longest(chat, longer, loss) > limit:
                break
            part, end = longer, end + 1
        if end > begin:
            found.append(part)
        begin = max(end, begin + 1)
    return found


def fitted(chat: Chat, rows: list[dict[str, Any]], loss: str, limit: int) -> list[list[Tokens]]:
    """For each row the tokens that training takes: all its texts, or if one is longer than `limit`, those of its parts."""
    found = chat.rows(rows, loss)
    for place, (row, texts) in enumerate(zip(rows, found, strict=True)):
        if all(len(text.ids) <= limit for text in texts):
            continue
        if "text" in row:
            ids = texts[0].ids
            pieces = [ids[begin : begin + limit] for begin in range(0, len(ids), limit)]
            found[place] = [Tokens(piece, ((0, len(piece)),)) for piece in pieces]
        else:
            found[place] = [text for several in chat.rows(parts(chat, row, loss, limit), loss) for text in several]
    return found


def _longest(chat: Chat, row: dict[str, Any], loss: str) -> int:
    return chat.lengths([row], loss)[0].longest
