"""The loop gives what transformers' own loop gives, in every family, with rows that leave at different times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from job.modeling import decoding
from job.modeling.base import load_base
from job.modeling.decoding import Greedy, pieces, without_cudnn_attention
from job.modeling.files import fetch_files
from job.modeling.tokenizer import load_tokenizer
from job.settings.fields import ModelSettings
from tests.families import FAMILIES, Family, make_family_base

NEW = 14
LENGTHS = (3, 40, 41, 12, 6, 33)
"""Of prompts: some leave a window of 32 tokens at once, some while they are answered."""


def load(folder: Path) -> Any:
    settings = ModelSettings(base=str(folder))
    files = fetch_files(settings, "", weights=True)
    return load_base(files, load_tokenizer(files, settings), torch.float32)


def prompts() -> dict[str, torch.Tensor]:
    ids = torch.zeros(len(LENGTHS), max(LENGTHS), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    numbers = torch.Generator().manual_seed(5)
    for place, length in enumerate(LENGTHS):
        ids[place, -length:] = torch.randint(5, 200, (length,), generator=numbers)
        mask[place, -length:] = 1
    return {"input_ids": ids, "attention_mask": mask}


def answers(model: Any, ends: set[int], loop: Any = None, penalty: float = 1.0) -> torch.Tensor:
    with torch.no_grad():
        output = model.generate(
            **prompts(),
            do_sample=False,
            max_new_tokens=NEW,
            repetition_penalty=penalty,
            eos_token_id=sorted(ends),
            pad_token_id=0,
            use_cache=True,
            custom_generate=loop,
        )
    return output[:, max(LENGTHS) :]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_answers_are_those_of_transformers(family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "PIECE_TOKENS", {"cpu": 90})
    model = load(make_family_base(tmp_path, family))
    seen: list[bool] = []
    known_cache = decoding.known_cache
    monkeypatch.setattr(decoding, "known_cache", lambda *given: seen.append(found := known_cache(*given)) or found)
    free = answers(model, {1})
    ends = {int(free[0, 3]), int(free[3, 6]), int(free[5, 9])}  # so that rows end after 4, 7 and 10 tokens, or before
    for penalty in (1.0, 1.7):
        told: list[int] = []
        known = answers(model, ends, penalty=penalty)
        found = answers(model, ends, Greedy(ends, 0, NEW, told.append), penalty)
        assert torch.equal(found, known)
        assert told[0] == len(LENGTHS) and len(told) == known.shape[1]
        assert penalty > 1 or told[-1] < len(LENGTHS), "rows have left"
    assert all(seen), "every family here has a cache of which rows can be selected"


def test_a_model_with_another_cache_is_left_to_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load(make_family_base(tmp_path, FAMILIES[0]))
    monkeypatch.setattr(decoding, "known_cache", lambda *_: None)
    told: list[int] = []
    assert torch.equal(answers(model, {1}, Greedy({1}, 0, NEW, told.append)), answers(model, {1}))
    assert told == []  # its stopping criteria tell, see `generate`


def test_pieces_are_neighbours_that_fit_padded() -> None:
    assert pieces([2, 2, 3, 9, 1], 9) == [(0, 3), (3, 4), (4, 5)]
    assert pieces([20], 9) == [(0, 1)]


def test_cudnn_plans_no_attention_while_answers_grow_and_is_as_it_was_afterwards() -> None:
    before = torch.backends.cuda.cudnn_sdp_enabled()
    with pytest.raises(KeyError), without_cudnn_attention():
        assert not torch.backends.cuda.cudnn_sdp_enabled()
        raise KeyError
    assert torch.backends.cuda.cudnn_sdp_enabled() == before
