"""Chats of several turns as one question and answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from job.cleaning.batch import NOT_TEXT, Raw

ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant"}


def first_exchange(messages: object) -> Raw:
    """System prompt, first user turn, and the answer to it; later turns are left out."""
    if not isinstance(messages, Iterable) or isinstance(messages, str):
        return Raw(fault=NOT_TEXT)
    found: dict[str, Any] = {}
    for turn in messages:
        if not isinstance(turn, dict):
            return Raw(fault=NOT_TEXT)
        role = str(turn.get("role", turn.get("from")))
        role = ROLES.get(role, role)
        if role == "assistant" and "user" not in found:
            continue
        found.setdefault(role, turn.get("content", turn.get("value")))
    return Raw(found.get("system") or "", found.get("user", ""), found.get("assistant", ""))
