"""Answers of several models, which are one base with its adapter off, on, or another one, to the same prompts in the same
batches: greedy answers move with the batch that they are computed in. Where adapters allow it, all models are in one batch."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from itertools import islice
from typing import Any

import torch
from peft import PeftModel

from job.errors import MemoryExhausted
from job.modeling.chat import Chat
from job.modeling.generation import Answer, generate
from job.modeling.room import answer_bytes, room_bytes
from job.modeling.stacked import Mixed, Stack, stacked
from job.modeling.unpacked import unpacked, unpacked_bytes
from job.runs.progress import advance
from job.settings.fields import ProbeSettings

log = logging.getLogger("job.probe")
Models = Mapping[str, Callable[[], AbstractContextManager[Any]]]
"""Name -> what makes the one model answer as this one: `{"base": tuned.disable_adapter, "tuned": nullcontext}`."""
SMALL_BATCH = 16
"""Rows at once where a config does not name the sizes of a model."""
MOST_ON_A_CPU = 64
"""Rows at once there: more are no faster, and a request to stop waits for a token of each."""
UNPACKED_FACTOR = 3
"""A token step with packed weights moves about so many times the bytes of one with unpacked ones (from 4 bits read, 16 bits
written and read again): unpacked they are worth batches of a third of the size."""
TIMED_TOKENS = 8
"""After so many of a batch it is known how long one takes."""


def unpacked_where_it_fits(
    model: PeftModel, prompts: Sequence[Sequence[int]], settings: ProbeSettings
) -> AbstractContextManager[bool]:
    """For the whole probe: the weights unpacked, if memory has room for them beside the keys and values of large batches."""
    size, device = unpacked_bytes(model), model.device
    room = room_bytes(device)
    if device.type == "cuda":
        longest = max(map(len, prompts), default=0)
        packed_rows = rows_that_fit(model, room, longest, settings.max_new_tokens)
        rows = rows_that_fit(model, room - size, longest, settings.max_new_tokens) if size < room else 0
        fits = rows * UNPACKED_FACTOR >= min(packed_rows, 2 * len(prompts)) and rows > 0  # base and tuned
    else:
        fits = size <= room
    log.info("stage=probe unpacked=%s bytes=%d room=%d", str(fits).lower(), size, room)
    return unpacked(model) if fits and size else nullcontext(False)


def rows_that_fit(model: PeftModel, room: int, longest: int, new: int) -> int:
    """How many prompts of up to `longest` tokens can be answered at once in `room` bytes; 0 if not even one."""
    sizes = answer_bytes(model.get_base_model())
    if sizes is None:
        return SMALL_BATCH
    each_token, each_row, once = sizes
    rows = max(0, int((room - once) // ((longest + new) * each_token + each_row)))
    return rows if model.device.type == "cuda" else min(rows, MOST_ON_A_CPU)


def answer_all(
    model: PeftModel,
    chat: Chat,
    prompts: Sequence[list[int]],
    settings: ProbeSettings,
    models: Models,
    *,
    look: Callable[[], None] = lambda: None,
    until: float = math.inf,
) -> dict[str, list[Answer | None]]:
    """Model -> its answers in the order of the prompts. None where the time, `until` on the clock of `time.monotonic`, was over
    before every model had answered: then it is None for all of them.

    `look`: called after each token; it raises what is to end the answers. Raises MemoryExhausted (62).
    """
    with stacked(model, list(models.values())) as stack, suppress(Mixed):
        return _answer_all(model, chat, prompts, settings, models, stack, look, until)
    log.info("stage=probe stacked=false: each model answers by itself")
    return _answer_all(model, chat, prompts, settings, models, None, look, until)


def _answer_all(
    model: PeftModel,
    chat: Chat,
    prompts: Sequence[list[int]],
    settings: ProbeSettings,
    models: Models,
    stack: Stack | None,
    look: Callable[[], None],
    until: float,
) -> dict[str, list[Answer | None]]:
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    answers: dict[str, list[Answer | None]] = {name: [None] * len(prompts) for name in models}
    done, most = 0, len(prompts)
    while done < len(order) and time.monotonic() < until:
        numbers = _next(model, prompts, order[done:], settings.max_new_tokens, most, len(models) if stack else 1)
        clock = _Clock(len(numbers), settings.max_new_tokens, 1 if stack else len(models), until, look)
        found, share = None, 0.5
        try:
            found = _answer_batch(model, chat, [prompts[number] for number in numbers], settings, models, stack, clock)
        except torch.OutOfMemoryError as error:
            if len(numbers) == 1:
                raise _exhausted(len(prompts[numbers[0]]), error) from error
            reason = "out_of_memory"
        except _TooSlow as slow:
            reason, share = "too_slow", slow.share
        except _Late:
            break
        if found is None:  # not in the except block: its traceback still holds the cache of keys and values
            most = max(1, int(len(numbers) * share))
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            log.warning("stage=probe %s=true batch=%d", reason, most)
            continue
        for name, texts in found.items():
            for number, text in zip(numbers, texts, strict=True):
                answers[name][number] = text
        done += len(numbers)
        log.info("stage=probe answered=%d of=%d", done, len(prompts))
    if done < len(order):
        log.warning(
            "stage=probe unanswered=%d of=%d: the time was over; FINETUNE_PROBE_MINUTES sets it",
            len(order) - done,
            len(order),
        )
    return answers


def _answer_batch(
    model: PeftModel,
    chat: Chat,
    prompts: list[list[int]],
    settings: ProbeSettings,
    models: Models,
    stack: Stack | None,
    clock: _Clock,
) -> dict[str, list[Answer]]:
    answer = partial(
        generate,
        model,
        chat,
        max_new_tokens=settings.max_new_tokens,
        repetition_penalty=settings.repetition_penalty,
        each_token=clock,
    )
    if stack:
        clock.next_model()
        together = iter(answer(prompts * len(models), entering=stack.enter))
        return {name: list(islice(together, len(prompts))) for name in models}
    found = {}
    for name, enter in models.items():
        clock.next_model()
        with enter():
            found[name] = answer(prompts)
    return found


def _next(
    model: PeftModel, prompts: Sequence[list[int]], order: list[int], new: int, most: int, models: int
) -> list[int]:
    """The next prompts, at least one, as many as memory has room for, without one so long that half of all keys and values
    would be padding."""
    room, count = room_bytes(model.device), 1
    tokens = len(prompts[order[0]]) + new
    while count < min(len(order), most):
        longest = len(prompts[order[count]])
        tokens += longest + new
        padded = (count + 1) * (longest + new)
        if rows_that_fit(model, room, longest, new) // models <= count or (
            count >= SMALL_BATCH and padded > 2 * tokens
        ):
            break
        count += 1
    return order[:count]


def _exhausted(tokens: int, error: Exception) -> MemoryExhausted:
    return MemoryExhausted(
        f"GPU memory ran out during the answer to one question of {tokens} tokens: {error}",
        remedy="Set FINETUNE_PROBE_MAX_NEW_TOKENS lower, or end other processes on the GPU (nvidia-smi lists them); the same "
        "command continues with the trained adapter.",
    )


class _Late(Exception):
    """The time is over."""


class _TooSlow(Exception):
    """A batch may not end in time, and a share of it will, if prompts take as long as they are many."""

    def __init__(self, share: float) -> None:
        self.share = share


class _Clock:
    """Called after each token of a batch."""

    def __init__(self, rows: int, new: int, models: int, until: float, look: Callable[[], None]) -> None:
        self.rows, self.new, self.models_left, self.until, self.look = rows, new, models, until, look
        self.tokens = 0
        self.began = self.first = 0.0

    def next_model(self) -> None:
        self.models_left -= 1
        self.tokens, self.began = 0, time.monotonic()

    def __call__(self, rows: int) -> None:
        advance("tokens", rows)
        self.look()
        self.tokens += 1
        now = time.monotonic()
        if now > self.until:
            raise _Late
        if self.tokens == 1:
            self.first = now
        if self.tokens == TIMED_TOKENS and self.rows > 1:
            each = (now - self.first) / (self.tokens - 1)
            model = self.first - self.began + each * (self.new - 1)  # at most: an answer may be shorter
            if self.began + (1 + self.models_left) * model > self.until:
                raise _TooSlow(min(0.5, (self.until - now) / ((1 + self.models_left) * model)))
