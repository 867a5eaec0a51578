"""What several models predict for the same parts of the same texts, in the same batches.

The models' own forward pass, so that whatever they do to logits is done. A vocabulary of 256,000 makes 0.5 MB of each token in
16 bits, so a batch ends by what its logits take, and only those behind the shortest beginning are computed.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import torch
from peft import PeftModel

from job.errors import MemoryExhausted
from job.modeling.batching import Row, pad
from job.runs.progress import advance

log = logging.getLogger("job.probe")
Found = TypeVar("Found")
Enter = Callable[[], AbstractContextManager[Any]]
"""Makes the one model another: `model.disable_adapter`, `nullcontext`."""
MOST_NUMBERS = 2**28
"""Logits of a batch and a model: 0.5 GB in 16 bits."""
MOST_TOKENS = 4096
"""Of a batch, padding included; a request to stop waits for one."""


def predictions(
    model: PeftModel,
    pad_token: int,
    rows: Sequence[Row],
    models: Sequence[Enter],
    compare: Callable[[Row, list[torch.Tensor]], Found],
    *,
    look: Callable[[], None],
) -> list[Found]:
    """What `compare` makes of each row and, from each model, the logits before the tokens of its one learned part: (P, V).

    `look`: called after each batch; it raises what is to end this. Raises MemoryExhausted (62).
    """
    order = sorted(range(len(rows)), key=lambda number: len(rows[number].ids))
    found: dict[int, Found] = {}
    shrunk = 1
    while order:
        numbers = _batch(model, rows, order, shrunk)
        some = [rows[number] for number in numbers]
        said = None
        try:
            said = [_logits(model, pad_token, some, enter) for enter in models]
        except torch.OutOfMemoryError as error:
            if len(numbers) == 1:
                raise MemoryExhausted(
                    f"GPU memory ran out on one text of {len(some[0].ids)} tokens: {error}",
                    remedy="End other processes on the GPU (nvidia-smi lists them); the same command continues with the "
                    "trained adapter.",
                ) from error
        if said is None:  # not in the except block: its traceback still holds what filled the card
            shrunk *= 2
            torch.cuda.empty_cache()
            log.warning("stage=probe out_of_memory=true texts=%d", len(numbers))
            continue
        for number, *each in zip(numbers, *said, strict=True):
            found[number] = compare(rows[number], each)
        del order[: len(numbers)]
        advance("tokens", sum(len(row.ids) for row in some) * len(models))
        look()
    return [found[number] for number in range(len(rows))]


def _batch(model: PeftModel, rows: Sequence[Row], order: Sequence[int], shrunk: int) -> list[int]:
    """The first of these rows, from short to long, as many as the limits divided by `shrunk` allow; one at least."""
    vocabulary = model.get_base_model().get_input_embeddings().weight.shape[0]
    numbers: list[int] = []
    first = len(rows[order[0]].ids)
    for number in order:
        first, width = min(first, rows[number].predicted[0][0] - 1), len(rows[number].ids)
        count = len(numbers) + 1
        logits = count * (width - first) * vocabulary
        if numbers and (count * width * shrunk > MOST_TOKENS or logits * shrunk > MOST_NUMBERS):
            break
        numbers.append(number)
    return numbers


@torch.no_grad()
def _logits(model: PeftModel, pad_token: int, rows: Sequence[Row], enter: Enter) -> list[torch.Tensor]:
    padded = pad(rows, pad_token, model.device)
    width = padded.ids.shape[1]
    first = min(row.predicted[0][0] for row in rows) - 1
    options: dict[str, Any] = {"input_ids": padded.ids, "attention_mask": padded.mask, "use_cache": False}
    if "logits_to_keep" in inspect.signature(model.get_base_model().forward).parameters:
        options["logits_to_keep"] = width - first
    with enter():
        logits = model(**options).logits[:, first - width :]
    return [
        logits[place, begin - 1 - first : end - 1 - first]
        for place, row in enumerate(rows)
        for begin, end in row.predicted
    ]
