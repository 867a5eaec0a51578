"""Chats of any usual layout as one list of turns: roles by one name, one turn after the other, each beginning with the user.

What is merged, moved or left out on the way is noted by name, and counted in the result.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from job.cleaning.batch import MEDIA, NOT_TEXT, UNKNOWN_ROLE, Raw, fault_of
from job.modeling.conversation import Conversation, Turn

ROLES = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "bot", "model", "chatbot", "chatgpt"), "assistant"),
    **dict.fromkeys(("function_call", "tool_call"), "call"),
    **dict.fromkeys(("tool", "function", "observation", "tool_response", "function_response", "ipython"), "tool"),
    **dict.fromkeys(("reasoning", "thinking", "thought"), "reasoning"),
}
"""The names that data sets use, and the turn that each stands for."""
TEXT_PARTS, REASONING_PARTS = ("text", "input_text", "output_text"), ("thinking", "reasoning")
CALL_PART, RESULT_PART = "tool_use", "tool_result"
"""Anthropic's, in messages of the assistant and of the user."""
MEDIA_PARTS = ("image", "image_url", "input_image", "audio", "input_audio", "video", "file")
PARTS_AS_TEXT = '[{"type":'
"""How parts begin that `datasets` made JSON, where other rows of a column are text. A tool may return such JSON itself."""
REASONING_FIELDS = ("reasoning_content", "reasoning", "thinking")


class Unreadable(Exception):
    """A row is no conversation of texts; carries the reason to drop it."""


def conversation(messages: object, *, system: object = "", tools: object = None) -> Raw:
    """A chat as it stands in the data: a list of {"role", "content"} or {"from", "value"}."""
    notes: list[str] = []
    try:
        found = _conversation(messages, system, tools, notes)
    except Unreadable as reason:
        return Raw(fault=str(reason))
    texts = [found.system, *(str(value) for turn in found.turns for value in turn.values()), found.tools]
    if fault := next(filter(None, map(fault_of, texts)), ""):
        return Raw(fault=fault)
    if not any(found.answers()):  # place 0 is never an answer
        return Raw(found.system, found.turns[0]["content"] if found.turns else "")
    row = found.row()
    if "question" in row:
        return Raw(**row, notes=tuple(notes))
    return Raw(found.system, conversation=found, notes=tuple(notes))


def _conversation(messages: object, system: object, tools: object, notes: list[str]) -> Conversation:
    if isinstance(messages, str):
        messages = _from_json(messages)
    if not isinstance(messages, Iterable) or isinstance(messages, (str, Mapping)):
        raise Unreadable(NOT_TEXT)
    prompts = [system] if isinstance(system, str) and system.strip() else []
    turns: list[Turn] = []
    for message in chain.from_iterable(map(_in_openai_form, messages)):
        turn = _turn(message, notes)
        if turn["role"] == "system":
            if turns:
                notes.append("system_moved")
            prompts += [turn["content"]] if turn["content"].strip() else []
        elif not turns or not _joined(turns[-1], turn, notes):
            turns.append(turn)
    begin = next((place for place, turn in enumerate(turns) if turn["role"] == "user"), len(turns))
    end = len(turns)
    while end > begin and turns[end - 1]["role"] != "assistant":
        end -= 1
    notes += ["turn_before_user"] * begin + ["unanswered"] * (len(turns) - end)
    end = max(end, begin + 1)  # a question without any answer is shown among the dropped rows
    return Conversation("\n\n".join(prompts), tuple(turns[begin:end]), _tools(tools))


def _from_json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(NOT_TEXT) from error


def _in_openai_form(message: object) -> Iterator[object]:
    """A message with its calls, and each result of a tool in it as a message, where Anthropic has them as parts."""
    parts = message.get("content") if isinstance(message, Mapping) else None
    kinds = [part.get("type") for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []
    if not {CALL_PART, RESULT_PART}.intersection(kind for kind in kinds if isinstance(kind, str)):
        yield message
        return
    assert isinstance(message, Mapping) and isinstance(parts, list)
    calls, rest = [], []
    for part in parts:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind == RESULT_PART:
            yield {"role": "tool", "content": part.get("content"), "tool_call_id": part.get("tool_use_id")}
        elif kind == CALL_PART:
            calls.append({"id": part.get("id"), "name": part.get("name"), "arguments": part.get("input")})
        else:
            rest.append(part)
    if rest or calls:
        yield {**message, "content": rest} | ({"tool_calls": calls} if calls else {})


def _turn(message: object, notes: list[str]) -> Turn:
    if not isinstance(message, Mapping):
        raise Unreadable(NOT_TEXT)
    name = message.get("role") or message.get("from")
    role = ROLES.get(str(name).lower())
    if role is None:
        raise Unreadable(UNKNOWN_ROLE)
    turn: Turn = {"role": role}
    content = message.get("content", message.get("value"))
    if role != "tool" and isinstance(content, str) and content.startswith(PARTS_AS_TEXT):
        content = _parsed_parts(content)
    turn["content"], reasoning = _content(content)
    weight = message.get("weight")
    if weight not in (None, 0, 1):
        notes.append("weight_ignored")
    unlearned = {"weight": 0} if weight == 0 and role in ("assistant", "call", "reasoning") else {}
    if role == "reasoning":
        return {"role": "assistant", "content": "", "reasoning_content": turn["content"], **unlearned}
    if role == "call":
        return {"role": "assistant", **_calls_in(turn["content"]), **unlearned}
    turn |= unlearned
    if role == "assistant":
        reasoning += [message[field] for field in REASONING_FIELDS if isinstance(message.get(field), str)][:1]
        if any(reasoning):
            turn["reasoning_content"] = "\n\n".join(reasoning)
        single = message.get("function_call")
        if calls := [_call(call) for call in message.get("tool_calls") or ([single] if single else [])]:
            turn["tool_calls"] = calls
    if role == "tool":
        turn |= {field: message[field] for field in ("name", "tool_call_id") if isinstance(message.get(field), str)}
    return turn


def _content(value: object) -> tuple[str, list[str]]:
    """(text, reasoning) of a content, which may come in parts. What a tool returned may be an object."""
    if value is None or isinstance(value, str):
        return value or "", []
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False), []
    if not isinstance(value, Iterable):
        raise Unreadable(NOT_TEXT)
    texts: list[str] = []
    reasoning: list[str] = []
    for part in value:
        kind = "text" if isinstance(part, str) else part.get("type") if isinstance(part, Mapping) else None
        if kind in MEDIA_PARTS:
            raise Unreadable(MEDIA)
        text = part if isinstance(part, str) else part.get("text", part.get(kind)) if kind else None
        if kind not in (*TEXT_PARTS, *REASONING_PARTS) or not isinstance(text, str):
            raise Unreadable(NOT_TEXT)
        (reasoning if kind in REASONING_PARTS else texts).append(text)
    return "\n".join(texts), reasoning


def _parsed_parts(text: str) -> object:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    kinds = (part.get("type") if isinstance(part, Mapping) else None for part in found)
    return found if all(kind in (*TEXT_PARTS, *REASONING_PARTS, *MEDIA_PARTS) for kind in kinds) else text


def _calls_in(text: str) -> Turn:
    """The content of a turn that is a call by its role; what is no JSON of one stays as it is."""
    try:
        found = json.loads(text)
        calls = [_call(call) for call in (found if isinstance(found, list) else [found])]
    except (ValueError, RecursionError, Unreadable):
        return {"content": text}
    return {"content": "", "tool_calls": calls}


def _call(call: object) -> dict[str, Any]:
    """A call of a tool in OpenAI's form, whether it came in that or as {"name", "arguments"}."""
    inner = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str):
        raise Unreadable(NOT_TEXT)
    arguments = inner.get("arguments", inner.get("parameters"))
    if not isinstance(arguments, str):
        arguments = json.dumps(_without_nulls(arguments or {}), ensure_ascii=False)
    assert isinstance(call, Mapping)
    identity = {"id": call["id"]} if isinstance(call.get("id"), str) else {}
    return {**identity, "type": "function", "function": {"name": inner["name"], "arguments": arguments}}


def _tools(tools: object) -> str:
    """The tools of a row as a JSON list in OpenAI's form; they come as a list or as JSON, of functions or around them."""
    try:
        found = json.loads(tools) if isinstance(tools, str) and tools.strip() else tools
    except (ValueError, RecursionError) as error:
        raise Unreadable(NOT_TEXT) from error
    if not found or isinstance(found, str):
        return ""
    if not isinstance(found, list) or not all(isinstance(tool, Mapping) for tool in found):
        raise Unreadable(NOT_TEXT)
    found = [_anthropic(tool) if "input_schema" in tool else tool for tool in found]
    wrapped = [tool if "function" in tool else {"type": "function", "function": tool} for tool in found]
    return json.dumps(_without_nulls(wrapped), ensure_ascii=False)


def _anthropic(tool: Mapping[str, Any]) -> dict[str, Any]:
    return {("parameters" if key == "input_schema" else key): value for key, value in tool.items()}


def _without_nulls(value: Any) -> Any:
    """Arrow gives every object all keys that any of its kind has."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _joined(last: Turn, turn: Turn, notes: list[str]) -> bool:
    """Whether a turn was added to the one before it, of the same role. Results of tools each stay a turn."""
    if last["role"] != turn["role"] or turn["role"] == "tool":
        return False
    if last["content"] and turn["content"]:
        notes.append("turns_merged")
    last["content"] = "\n\n".join(filter(None, (last["content"], turn["content"])))
    reasoning = [one["reasoning_content"] for one in (last, turn) if one.get("reasoning_content")]
    if reasoning:
        last["reasoning_content"] = "\n\n".join(reasoning)
    if "weight" in turn:  # of a joined answer no part may be learned that was not meant to be
        last["weight"] = 0
    if "tool_calls" in turn:
        last["tool_calls"] = [*last.get("tool_calls", ()), *turn["tool_calls"]]
    return True
