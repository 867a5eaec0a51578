"""The fresh process that proves a saved adapter: runs the model card's own lines, compares logits with the trained model's.

Run as `python -m job.training.readback REQUEST.json`; prints one JSON line. On a CPU with AVX512-BF16 the card's lines alone
end in a kernel that rounds to bfloat16 (job/modeling/nf4.py): the adapter is compared without it, and how far that kernel's
answers lie from the trained model's is measured as well.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from job.modeling.nf4 import CPU_KERNEL, layers_on_the_cpu_kernel, stay_differentiable


def main(request_path: str) -> None:
    request = json.loads(Path(request_path).read_text("utf-8"))
    names: dict[str, Any] = {"adapter": request["adapter"]}
    exec(request["code"], names)  # noqa: S102  the very text that job.modeling.base.loading_code gives to users
    model, pad = names["model"], names["tokenizer"].pad_token_id
    expected = load_file(request["expected"])
    quick = layers_on_the_cpu_kernel(model)
    stay_differentiable(model)
    answer = {"largest": max(_logits(expected, number, pad).abs().max().item() for number in range(len(expected) // 2))}
    answer["difference"] = _difference(model, expected, pad)
    if quick:
        for layer in quick:
            setattr(layer, CPU_KERNEL, True)
        answer["cpu_kernel_difference"] = _difference(model, expected, pad)
    print(json.dumps(answer))


def _difference(model: Any, expected: dict[str, torch.Tensor], pad: int) -> float:
    """Largest difference of a logit over all rows; the pad token's, which may be saved or not, aside."""
    largest = 0.0
    for number in range(len(expected) // 2):
        ids = expected[f"ids_{number}"].unsqueeze(0).to(model.device)
        with torch.no_grad():
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0].float().cpu()
        difference = (_without(logits, pad) - _logits(expected, number, pad)).abs().max().item()
        largest = max(largest, difference)
    return largest


def _logits(expected: dict[str, torch.Tensor], number: int, pad: int) -> torch.Tensor:
    return _without(expected[f"logits_{number}"], pad)


def _without(logits: torch.Tensor, pad: int) -> torch.Tensor:
    return torch.cat([logits[:, :pad], logits[:, pad + 1 :]], dim=1)


if __name__ == "__main__":
    main(sys.argv[1])
