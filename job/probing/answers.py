"""Answers of several models, which are one base with its adapter off, on, or another one, to the same prompts in the same
batches: greedy answers move with the batch that they are computed in. Where adapters allow it, all models are in one batch."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from typing import Any

import torch
from peft import PeftModel

from job.errors import MemoryExhausted
from job.modeling.chat import Chat
from job.modeling.generation import Answer, generate
from job.modeling.room import answer_bytes, devices_of, room_bytes
from job.modeling.stacked import Mixed, Stack, stacked
from job.modeling.unpacked import unpacked, unpacked_bytes
from job.probing.sharing import Share, Timed
from job.probing.tuned import Models
from job.runs.progress import advance
from job.settings.fields import ProbeSettings

log = logging.getLogger("job.probe")
Said = dict[str, dict[str, Any]] | None
"""Model -> its answer to one prompt, as JSON; None without that of every model."""
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
    room = room_bytes(*devices_of(model))
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
    share: Share | None = None,
) -> dict[str, list[Answer | None]]:
    """Model -> its answers in the order of the prompts. None where the time, `until` on the clock of `time.monotonic`, was over
    before every model had answered: then it is None for all of them.

    `look`: called after each token; it raises what is to end the answers. `share`: has others answer some of the batches.
    Raises MemoryExhausted (62).
    """
    with stacked(model, list(models.values())) as stack, suppress(Mixed):
        return _Asking(model, chat, prompts, settings, models, stack, look, until).answers(share)
    log.info("stage=probe stacked=false: each model answers by itself")
    return _Asking(model, chat, prompts, settings, models, None, look, until).answers(share)


@dataclass
class _Asking:
    """What all batches share."""

    model: PeftModel
    chat: Chat
    prompts: Sequence[list[int]]
    settings: ProbeSettings
    models: Models
    stack: Stack | None
    look: Callable[[], None]
    until: float

    def __post_init__(self) -> None:
        self.found: dict[str, list[Answer | None]] = {name: [None] * len(self.prompts) for name in self.models}
        self.done, self.most = 0, len(self.prompts)

    def answers(self, share: Share | None) -> dict[str, list[Answer | None]]:
        order = sorted(range(len(self.prompts)), key=lambda number: len(self.prompts[number]))
        if share is None:
            self.ask(order)
            return self.found
        batches = self._cut(order)
        for numbers, said in zip(batches, share(self.prompts.__getitem__, batches, self._ask_and_say), strict=True):
            for number, one in zip(numbers, said, strict=False):
                for name, answer in (one or {}).items():
                    self.found[name][number] = Answer(**answer | {"ids": tuple(answer["ids"])})
        return self.found

    def ask(self, order: Sequence[int], timed: Timed = lambda seconds: None) -> None:
        """These prompts, in batches that memory has room for, until the time is over."""
        done = 0
        while done < len(order) and time.monotonic() < self.until:
            numbers = self._next(order[done:])
            clock = _Clock(
                len(numbers),
                self.settings.max_new_tokens,
                1 if self.stack else len(self.models),
                self.until,
                self.look,
                timed,
            )
            found, share = None, 0.5
            try:
                found = self._batch([self.prompts[number] for number in numbers], clock)
            except torch.OutOfMemoryError as error:
                if len(numbers) == 1:
                    raise _exhausted(len(self.prompts[numbers[0]]), error) from error
                reason = "out_of_memory"
            except _TooSlow as slow:
                reason, share = "too_slow", slow.share
            except _Late:
                break
            if found is None:  # not in the except block: its traceback still holds the cache of keys and values
                self.most = max(1, int(len(numbers) * share))
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
                log.warning("stage=probe %s=true batch=%d", reason, self.most)
                continue
            for name, texts in found.items():
                for number, text in zip(numbers, texts, strict=True):
                    self.found[name][number] = text
            done += len(numbers)
            self.done += len(numbers)
            log.info("stage=probe answered=%d of=%d", self.done, len(self.prompts))

    def _ask_and_say(self, numbers: Sequence[int], timed: Timed) -> list[Said]:
        self.ask(numbers, timed)
        return said({name: [answers[number] for number in numbers] for name, answers in self.found.items()})

    def _batch(self, prompts: list[list[int]], clock: _Clock) -> dict[str, list[Answer]]:
        answer = partial(
            generate,
            self.model,
            self.chat,
            max_new_tokens=self.settings.max_new_tokens,
            repetition_penalty=self.settings.repetition_penalty,
            each_token=clock,
        )
        if self.stack:
            clock.next_model()
            together = iter(answer(prompts * len(self.models), entering=self.stack.enter))
            return {name: list(islice(together, len(prompts))) for name in self.models}
        found = {}
        for name, enter in self.models.items():
            clock.next_model()
            with enter():
                found[name] = answer(prompts)
        return found

    def _cut(self, order: Sequence[int]) -> list[list[int]]:
        """The batches of one process that memory does not fail."""
        batches: list[list[int]] = []
        done = 0
        while done < len(order):
            batches.append(list(self._next(order[done:])))
            done += len(batches[-1])
        return batches

    def _next(self, order: Sequence[int]) -> Sequence[int]:
        """The next prompts, at least one, as many as memory has room for, without one so long that half of all keys and values
        would be padding."""
        room, count = room_bytes(*devices_of(self.model)), 1
        new, models = self.settings.max_new_tokens, len(self.models) if self.stack else 1
        tokens = len(self.prompts[order[0]]) + new
        while count < min(len(order), self.most):
            longest = len(self.prompts[order[count]])
            tokens += longest + new
            padded = (count + 1) * (longest + new)
            if rows_that_fit(self.model, room, longest, new) // models <= count or (
                count >= SMALL_BATCH and padded > 2 * tokens
            ):
                break
            count += 1
        return order[:count]


def said(answers: Mapping[str, Sequence[Answer | None]]) -> list[Said]:
    """What each prompt was answered with."""
    return [
        None if None in some else {name: asdict(one) for name, one in zip(answers, some, strict=True) if one}
        for some in zip(*answers.values(), strict=True)
    ]


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

    def __init__(self, rows: int, new: int, models: int, until: float, look: Callable[[], None], timed: Timed) -> None:
        """`timed`: gets the seconds that the batch will take at most, once they are known."""
        self.rows, self.new, self.models_left, self.until, self.look, self.timed = rows, new, models, until, look, timed
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
            left = (1 + self.models_left) * model
            if self.began + left > self.until:
                raise _TooSlow(min(0.5, (self.until - now) / left))
            self.timed(left)
