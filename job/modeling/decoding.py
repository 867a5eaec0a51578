"""Greedy decoding of many prompts in one batch: transformers' own answers, sooner.

transformers' loop keeps every row until the last one has ended, computes the prompts padded to the longest, and copies all keys
and values for each token. Here rows that have ended leave the batch, prompts go through the model in pieces of similar length,
and keys and values are written where they stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import DynamicCache, LogitsProcessorList, PreTrainedModel, StoppingCriteriaList
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

PIECE_TOKENS = {"cuda": 8192, "cpu": 1024}
"""Tokens of prompts, padding included, that go through the model at once: what a layer needs for them stays below 1 GB on Llama
3.2 3B, and more of them at once are no faster. On a CPU a request to stop waits for one piece."""
LEAVING_SHARE = 1 / 16
"""Rows leave once they are this share of the batch: each time, the keys and values of all others are copied."""
ROWS = ("attention_mask", "position_ids", "token_type_ids", "mm_token_type_ids")
"""Arguments of a model that have one entry for each token of each row."""


Entering = Callable[[Sequence[int], int], None]
"""Takes the numbers of the rows that go through the model from now on, and how many the batch had at first."""
Showing = Callable[[list[int], list[int]], None]
"""Takes the numbers of rows and the token that each has just got, padding for those that have ended."""


class Greedy:
    """For `model.generate(custom_generate=...)`, which prepares all arguments as for its own loop.

    Where the cache or the arguments of a model are of another kind than known here (states of recurrent layers, positions in
    three dimensions), transformers' own loop computes the answers.
    """

    def __init__(
        self,
        ends: set[int],
        pad: int,
        max_new_tokens: int,
        each_token: Callable[[int], None],
        entering: Entering = lambda rows, count: None,
        showing: Showing | None = None,
    ) -> None:
        """`entering`: called before a forward pass of other rows than the last one."""
        self.ends, self.pad, self.max_new_tokens = ends, pad, max_new_tokens
        self.each_token, self.entering, self.showing = each_token, entering, showing

    def __call__(
        self,
        model: PreTrainedModel,
        input_ids: torch.Tensor,
        logits_processor: LogitsProcessorList,
        stopping_criteria: StoppingCriteriaList,
        generation_config: Any,
        **arguments: Any,
    ) -> torch.Tensor:
        """(B, prompt + new), each answer padded behind its end token. `arguments`: what the model takes."""
        cache = known_cache(input_ids, arguments)
        if cache is None:
            self.entering(range(len(input_ids)), len(input_ids))
            answers: torch.Tensor = model._sample(
                input_ids, logits_processor, stopping_criteria, generation_config, **arguments
            )
            return answers
        with without_cudnn_attention():
            logits = self._prefill(model, input_ids, arguments, cache)
            self.entering(range(len(input_ids)), len(input_ids))
            return self._decode(model, input_ids, logits, logits_processor, arguments, cache)

    def _prefill(
        self, model: PreTrainedModel, ids: torch.Tensor, arguments: dict[str, Any], cache: DynamicCache
    ) -> torch.Tensor:
        """Fill the cache with the prompts; the logits of their last tokens, (B, V)."""
        count, width = ids.shape
        if any(type(layer) is not DynamicLayer for layer in cache.layers):  # a window forgets what a piece has to write
            self.entering(range(count), count)
            inputs = model.prepare_inputs_for_generation(ids, is_first_iteration=True, **arguments)
            logits: torch.Tensor = model(**inputs, return_dict=True).logits[:, -1]
            return logits
        layers = [_InPlace(count, width, self.max_new_tokens) for _ in cache.layers]
        cache.layers[:] = layers
        mask = arguments.get("attention_mask")
        lengths = [width] * count if mask is None else mask.sum(-1).tolist()
        found = []
        for begin, end in pieces(lengths, PIECE_TOKENS[ids.device.type]):
            self.entering(range(begin, end), count)
            for layer in layers:
                layer.piece = slice(begin, end)
            first = width - max(lengths[begin:end])
            part = {name: some[begin:end, first:] for name, some in _by_row(arguments, count)}
            inputs = model.prepare_inputs_for_generation(
                ids[begin:end, first:], is_first_iteration=True, **(arguments | part)
            )
            found.append(model(**inputs, return_dict=True).logits[:, -1])
        for layer in layers:
            layer.piece = None
        return torch.cat(found)

    def _decode(
        self,
        model: PreTrainedModel,
        prompts: torch.Tensor,
        logits: torch.Tensor,
        processor: LogitsProcessorList,
        arguments: dict[str, Any],
        cache: DynamicCache,
    ) -> torch.Tensor:
        device, (count, width) = prompts.device, prompts.shape
        ends = torch.tensor(sorted(self.ends), device=device)
        ids = torch.cat([prompts, prompts.new_full((count, self.max_new_tokens), self.pad)], -1)
        rows = torch.arange(count, device=device)  # those still in the batch
        ended = torch.zeros(count, dtype=torch.bool, device=device)
        for end in range(width, width + self.max_new_tokens):
            scores = _processed(processor, ids[:, :end], rows, logits.to(copy=True, dtype=torch.float32))
            tokens = scores.argmax(-1).masked_fill(ended, self.pad)
            ids[rows, end] = tokens
            ended |= torch.isin(tokens, ends)
            self.each_token(len(rows))
            if self.showing:
                self.showing(rows.tolist(), tokens.tolist())
            leaving = int(ended.sum())
            if leaving == len(rows) or end + 1 == ids.shape[1]:
                break
            arguments = model._update_model_kwargs_for_generation({}, arguments)
            if leaving >= LEAVING_SHARE * len(rows):
                staying = (~ended).nonzero().flatten()
                _select(cache, staying)
                arguments |= {name: some[staying] for name, some in _by_row(arguments, len(rows))}
                rows, ended = rows[staying], ended[staying]
                self.entering(rows.tolist(), count)
            inputs = model.prepare_inputs_for_generation(ids[rows, : end + 1], next_sequence_length=1, **arguments)
            logits = model(**inputs, return_dict=True).logits[:, -1]
        return ids[:, : end + 1]


@contextmanager
def without_cudnn_attention() -> Iterator[None]:
    """cuDNN plans its attention anew for each length of keys and values, which grow with every token: 1.2 ms a layer, on an
    H200 two thirds of a token step of 400 rows in 28 layers (87 ms; without it 29)."""
    before: bool = torch.backends.cuda.cudnn_sdp_enabled()  # type: ignore[no-untyped-call]
    torch.backends.cuda.enable_cudnn_sdp(False)
    try:
        yield
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)


def _processed(
    processor: LogitsProcessorList, ids: torch.Tensor, rows: torch.Tensor, scores: torch.Tensor
) -> torch.Tensor:
    """The scores of `rows` as the processors change them, which know the batch as it was at first (a penalty for repetition
    looks at the padding of each row)."""
    if not processor:
        return scores
    everywhere = scores.new_zeros(len(ids), scores.shape[-1])
    everywhere[rows] = scores
    changed: torch.Tensor = processor(ids, everywhere)
    return changed[rows]


def known_cache(ids: torch.Tensor, arguments: dict[str, Any]) -> DynamicCache | None:
    """The cache among a model's arguments, if rows can be selected from it and from all other tensors among them."""
    found = [value for value in arguments.values() if isinstance(value, DynamicCache)]
    tensors = {name: value for name, value in arguments.items() if isinstance(value, torch.Tensor)}
    known = all(name in ROWS and value.shape in (ids.shape, ids[:1].shape) for name, value in tensors.items())
    if len(found) != 1 or not known or not arguments.get("use_cache"):
        return None
    layers = found[0].layers
    plain = all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)
    return found[0] if layers and plain and not found[0].get_seq_length() else None


def _select(cache: DynamicCache, rows: torch.Tensor) -> None:
    """A model that is spread over several cards has keys and values on each of them."""
    for layer in cache.layers:
        layer.batch_select_indices(rows if layer.keys is None else rows.to(layer.keys.device))


def _by_row(arguments: dict[str, Any], rows: int) -> Iterator[tuple[str, torch.Tensor]]:
    for name in ROWS:
        value = arguments.get(name)
        if value is not None and len(value) == rows:
            yield name, value


def pieces(lengths: list[int], most: int) -> list[tuple[int, int]]:
    """(begin, end) of neighbours that together have at most `most` tokens when they are padded, or are one alone."""
    found: list[tuple[int, int]] = []
    begin, longest = 0, 0
    for place, length in enumerate(lengths):
        if place > begin and (place - begin + 1) * max(longest, length) > most:
            found.append((begin, place))
            begin, longest = place, 0
        longest = max(longest, length)
    return [*found, (begin, len(lengths))]


class _InPlace(DynamicLayer):  # type: ignore[misc]
    """Keys and values in tensors that have room for the whole answer."""

    def __init__(self, rows: int, prompt: int, new: int) -> None:
        super().__init__()
        self.count, self.prompt, self.room = rows, prompt, prompt + new
        self.filled = prompt
        self.is_initialized = False
        self.piece: slice | None = None
        """While prompts go through the model: the rows that do now, as if there were no others."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.keys, self.values = self._empty(key_states), self._empty(value_states)
            self.dtype, self.device, self.is_initialized = key_states.dtype, key_states.device, True
        new = key_states.shape[-2]
        if self.piece is not None:
            self.keys[self.piece, :, self.prompt - new : self.prompt] = key_states
            self.values[self.piece, :, self.prompt - new : self.prompt] = value_states
            return key_states, value_states
        begin, self.filled = self.filled, self.filled + new
        self.keys[:, :, begin : self.filled] = key_states
        self.values[:, :, begin : self.filled] = value_states
        return self.keys[:, :, : self.filled], self.values[:, :, : self.filled]

    def _empty(self, states: torch.Tensor) -> torch.Tensor:
        """Zeros: what padding leaves untouched is multiplied by a weight of 0, and must not be NaN."""
        return states.new_zeros(self.count, states.shape[1], self.room, states.shape[3])

    def get_seq_length(self, *_: Any) -> int:
        return 0 if self.piece is not None or not self.is_initialized else self.filled

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        if self.is_initialized:
            self.keys, self.values = self.keys[indices], self.values[indices]
