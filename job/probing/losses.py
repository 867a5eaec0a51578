"""The loss of every held-out row, base and tuned model on the same rows in the same batches.

The model's own forward pass on padded rows, as users run it. Rows of like lengths share a batch, so little is padding: 2.4 % of
the tokens of 990 rows with the lengths of the published recipe, in batches of 8,192 tokens, 1.2 % in batches of 4,096.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from job.errors import MemoryExhausted
from job.modeling import row_losses
from job.modeling.batching import Row, cut, pad
from job.modeling.chat import Chat
from job.modeling.conversation import Conversation
from job.modeling.fitting import fitted
from job.modeling.room import devices_of, loss_token_bytes, room_bytes
from job.probing.sharing import Share
from job.probing.tuned import Models
from job.runs.progress import advance

log = logging.getLogger("job.probe")
ROWS_AT_ONCE = 1000
"""Rows whose tokens the tokenizer holds as lists at once."""
MOST_TOKENS = 8192
"""Of a batch, padding included: with more there is more padding, and an H200 is no faster."""
MOST_TOKENS_ON_A_CPU = 4096
"""A request to stop waits for one batch."""


@dataclass(frozen=True)
class HeldOut:
    """An evaluation row as training takes it: one text, or several where the template or its length demands it."""

    row: int
    """Its line in the evaluation rows, from 0."""
    question: int
    """The same number for rows with the same prompt."""
    texts: tuple[Row, ...]
    first: int = 0
    """How many texts other rows have before it."""

    @property
    def tokens(self) -> int:
        """That are learned."""
        return sum(text.targets for text in self.texts)


def held_out(chat: Chat, path: Path, loss: str, max_tokens: int) -> list[HeldOut]:
    """The evaluation rows of which something is learned."""
    found: list[HeldOut] = []
    numbers: dict[str, int] = {}
    with path.open(encoding="utf-8") as file:
        line = count = 0
        while some := [json.loads(text) for text in islice(file, ROWS_AT_ONCE)]:
            for row, texts in zip(some, fitted(chat, some, loss, max_tokens), strict=True):
                question = numbers.setdefault(_prompt(row), len(numbers))
                found.append(HeldOut(line, question, tuple(Row.of(tokens, loss) for tokens in texts), count))
                line, count = line + 1, count + len(texts)
    return [row for row in found if row.tokens]


def _prompt(row: dict[str, Any]) -> str:
    """What makes rows alike: all that stands before the last answer, the system prompt and earlier turns too. "What should I
    do?" is another question behind another letter. Texts have no question."""
    if "text" in row:
        return json.dumps(row, sort_keys=True)
    conversation = Conversation.of(row)
    last = max(conversation.learned(), default=len(conversation.turns))
    return json.dumps([conversation.system, conversation.tools, conversation.turns[:last]], sort_keys=True)


def known_losses(folder: Path, rows: Sequence[HeldOut], steps: Collection[int]) -> dict[int, list[float]] | None:
    """Step -> mean loss of each row, as training's evaluations have found them; None unless they did for all of these steps, of
    which 0 is the base model. `rows`: all of them."""
    texts = max((row.first + len(row.texts) for row in rows), default=0)
    found = row_losses.read(folder, steps, texts)
    return found and {
        step: [sum(sums[row.first : row.first + len(row.texts)]) / row.tokens for row in rows]
        for step, sums in found.items()
    }


def mean_losses(
    model: PeftModel,
    pad_token: int,
    rows: Sequence[HeldOut],
    models: Models,
    *,
    look: Callable[[], None] = lambda: None,
    share: Share | None = None,
) -> dict[str, list[float]]:
    """Model -> mean loss of each row over its learned tokens, in nats. `look`: called after each batch of a model; it raises
    what is to end this. `share`: has others compute some of the batches. Raises MemoryExhausted (62)."""
    texts = [(place, text) for place, row in enumerate(rows) for text in row.texts if text.targets]
    sums = {name: [0.0] * len(rows) for name in models}
    found = text_losses(model, pad_token, [text for _, text in texts], models, look=look, share=share)
    for (place, _), losses in zip(texts, found, strict=True):
        for name, loss in losses.items():
            sums[name][place] += loss
    return {name: [total / row.tokens for total, row in zip(some, rows, strict=True)] for name, some in sums.items()}


def text_losses(
    model: PeftModel,
    pad_token: int,
    texts: Sequence[Row],
    models: Models,
    *,
    look: Callable[[], None],
    share: Share | None = None,
) -> list[dict[str, float]]:
    """Of each text: model -> the sum of its loss."""
    found: list[dict[str, float]] = [{} for _ in texts]
    if share is None:
        for numbers, losses in _batches(model, pad_token, texts, models, look):
            for name, some in losses.items():
                for number, loss in zip(numbers, some, strict=True):
                    found[number][name] = loss
        return found
    batches = cut([len(text.ids) for text in texts], _budget(model), padded=True)
    shared = share(
        lambda number: (list(texts[number].ids), texts[number].learned),
        batches,
        lambda numbers, _: text_losses(model, pad_token, [texts[number] for number in numbers], models, look=look),
    )
    for batch, said in zip(batches, shared, strict=True):
        for number, sums in zip(batch, said, strict=True):
            found[number] = sums
    return found


def _batches(
    model: PeftModel, pad_token: int, texts: Sequence[Row], models: Models, look: Callable[[], None]
) -> Iterator[tuple[list[int], dict[str, list[float]]]]:
    """(numbers of texts, model -> the sum of the loss of each), in batches that fit into memory."""
    lengths = [len(text.ids) for text in texts]
    bins = cut(lengths, _budget(model), padded=True)
    while bins:
        numbers = bins.pop(0)
        found: dict[str, list[float]] = {}
        try:
            for name, enter in models.items():
                with enter():
                    found[name] = loss_sums(model, pad_token, [texts[number] for number in numbers])
                advance("tokens", sum(lengths[number] for number in numbers))
                look()
        except torch.OutOfMemoryError as error:
            if len(numbers) == 1:
                raise MemoryExhausted(
                    f"GPU memory ran out during the loss of one row of {lengths[numbers[0]]} tokens: {error}",
                    remedy="End other processes on the GPU (nvidia-smi lists them); the same command continues with the "
                    "trained adapter. Or train rows of fewer tokens: a lower FINETUNE_TRAIN_MAX_TOKENS in a new "
                    "FINETUNE_OUTPUT_DIR.",
                ) from error
            found = {}
        if not found:  # only here: the traceback has gone by now, and with it what filled the card
            torch.cuda.empty_cache()
            budget = len(numbers) * lengths[numbers[0]] // 2
            left = [*numbers, *(number for some in bins for number in some)]
            bins = [[left[place] for place in some] for some in cut([lengths[n] for n in left], budget, padded=True)]
            log.warning("stage=probe out_of_memory=true loss_tokens=%d", budget)
            continue
        yield numbers, found


def _budget(model: PeftModel) -> int:
    """Tokens of a batch."""
    if model.device.type != "cuda":
        return MOST_TOKENS_ON_A_CPU
    each = loss_token_bytes(model.get_base_model())
    return max(1, min(MOST_TOKENS, room_bytes(*devices_of(model)) // each if each else MOST_TOKENS_ON_A_CPU))


@torch.no_grad()
def loss_sums(model: PeftModel, pad_token: int, rows: Sequence[Row]) -> list[float]:
    """Of each row: cross-entropy in float32 over its learned tokens, summed."""
    padded = pad(rows, pad_token, model.device)
    logits = model(input_ids=padded.ids, attention_mask=padded.mask, use_cache=False).logits  # (N, L, V)
    sums = []
    for row, some in zip(rows, logits, strict=True):
        total = logits.new_zeros((), dtype=torch.float64)
        for begin, end in row.predicted:
            targets = torch.tensor(row.ids[begin:end], device=logits.device)
            losses = torch.nn.functional.cross_entropy(some[begin - 1 : end - 1].float(), targets, reduction="none")
            total += losses.double().sum()
        sums.append(total)
    found: list[float] = torch.stack(sums).tolist()
    return found
