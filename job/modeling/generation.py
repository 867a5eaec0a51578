"""Greedy answers of a model to a batch of prompts. Knows nothing about why they are wanted or how many fit into memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel, StoppingCriteria, StoppingCriteriaList

from job.modeling.chat import Chat
from job.modeling.decoding import Entering, Greedy, Showing


@dataclass(frozen=True)
class Answer:
    """What a model said. `tokens` leaves out the end-of-turn token, which `ids` holds; `stopped`: it came before the limit."""

    text: str
    tokens: int
    stopped: bool
    ids: tuple[int, ...] = ()


def generate(
    model: PreTrainedModel,
    chat: Chat,
    prompts: list[list[int]],
    *,
    max_new_tokens: int,
    repetition_penalty: float = 1.0,
    each_token: Callable[[int], None] = lambda rows: None,
    entering: Entering = lambda rows, count: None,
    showing: Showing | None = None,
) -> list[Answer]:
    """One greedy answer for each prompt, all computed in one batch. `each_token`: called with the number of prompts in the
    batch whenever each of them has got a token; what it raises ends the answers. `entering`: called before other rows go
    through the model. `showing`: gets each token as soon as it is known. Raises torch.OutOfMemoryError."""
    tokenizer = chat.tokenizer
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), tokenizer.pad_token_id)  # (B, T), padded on the left
    mask = torch.zeros_like(ids)
    for place, prompt in enumerate(prompts):
        ids[place, width - len(prompt) :] = torch.tensor(prompt)
        mask[place, width - len(prompt) :] = 1
    ends = end_ids(model, chat)
    with torch.no_grad():
        output = model.generate(
            input_ids=ids.to(model.device),
            attention_mask=mask.to(model.device),
            do_sample=False,
            num_beams=1,
            temperature=None,
            top_p=None,
            top_k=None,
            max_new_tokens=max_new_tokens,
            repetition_penalty=repetition_penalty,
            eos_token_id=sorted(ends),
            pad_token_id=tokenizer.pad_token_id,
            use_cache=True,
            custom_generate=Greedy(ends, tokenizer.pad_token_id, max_new_tokens, each_token, entering, showing),
            stopping_criteria=StoppingCriteriaList([_EachToken(each_token, showing)]),
        )
    return [answer_of(new, ends, chat) for new in output[:, width:].tolist()]


class _EachToken(StoppingCriteria):  # type: ignore[misc]
    """Stops nothing; transformers' own loop asks it after each token."""

    def __init__(self, call: Callable[[int], None], showing: Showing | None) -> None:
        self.call, self.showing = call, showing

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        self.call(len(input_ids))
        if self.showing:
            self.showing(list(range(len(input_ids))), input_ids[:, -1].tolist())
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


def end_ids(model: PreTrainedModel, chat: Chat) -> set[int]:
    """Tokens that end an answer: the chat template's, the tokenizer's and the model's own."""
    own = model.generation_config.eos_token_id
    own = own if isinstance(own, list) else [own]
    return {chat.stop_id, chat.tokenizer.eos_token_id, *own} - {None}


def answer_of(ids: list[int], ends: set[int], chat: Chat) -> Answer:
    """The answer in the new tokens of one prompt, which may end with an end token and padding."""
    length = next((place for place, token in enumerate(ids) if token in ends), len(ids))
    text = chat.tokenizer.decode(ids[:length], skip_special_tokens=True).strip()
    said = tuple(ids[: length + 1])
    return Answer(text.removeprefix(chat.opening.strip()).strip(), length, length < len(ids), said)
