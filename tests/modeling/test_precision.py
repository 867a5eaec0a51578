"""The first choice of a precision, by compute capability and family."""

from __future__ import annotations

import pytest
import torch

from job.errors import HostUnfit
from job.modeling.precision import choose_precision, require_computed, weakest_capability


@pytest.mark.parametrize(
    ("capability", "value"), [((7, 5), "float16"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16"), (None, "float32")]
)
def test_precision_follows_compute_capability(capability: tuple[int, int] | None, value: str) -> None:
    assert choose_precision("auto", "llama", capability).value == value


def test_families_that_overflow_in_float16_start_in_float32_below_compute_capability_8() -> None:
    choice = choose_precision("auto", "gemma3", (7, 5))
    assert choice.value == "float32"
    assert "unsloth" in choice.reason
    assert choose_precision("auto", "llama", (7, 5)).value == "float16"
    assert choose_precision("auto", "gemma3", (8, 6)).value == "bfloat16"


def test_workers_on_cards_of_several_kinds_compute_in_what_the_weakest_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """An L4 beside a T4."""
    seen = [(8, 9), (7, 5)]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(seen))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(seen))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda card: seen[card])
    assert weakest_capability() == (7, 5)
    assert choose_precision("auto", "llama", weakest_capability()).value == "float16"
    seen.clear()
    assert weakest_capability() is None, "a CPU"


@pytest.mark.parametrize(
    ("setting", "capability", "words"),
    [
        ("bfloat16", (7, 5), r"bfloat16, which a GPU of this host \(compute capability 7\.5\) does not compute"),
        ("float16", None, "FINETUNE_TRAIN_PRECISION=float16 needs a GPU, but none is visible"),
        ("bfloat16", None, "FINETUNE_TRAIN_PRECISION=bfloat16 needs a GPU"),
    ],
)
def test_a_precision_that_a_gpu_does_not_compute_is_refused(
    setting: str, capability: tuple[int, int] | None, words: str
) -> None:
    with pytest.raises(HostUnfit, match=words) as caught:
        require_computed(setting, capability)
    assert caught.value.remedy.startswith("Set FINETUNE_TRAIN_PRECISION=auto")
    for fine in ("auto", "float32"):
        require_computed(fine, capability)
    require_computed("float16", (7, 5))
    require_computed("bfloat16", (8, 0))
