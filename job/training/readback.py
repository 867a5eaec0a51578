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
    model, expected = names["model"], load_file(request["expected"])
    known = [_without(expected[f"logits_{number}"], request["left_out"]) for number in range(request["rows"])]
    quick = layers_on_the_cpu_kernel(model)
    stay_differentiable(model)
    answer: dict[str, Any] = {"largest": max(logits.abs().max().item() for logits in known)}
    answer["difference"] = _difference(model, expected, known, request["left_out"])
    if "embedding" in expected:
        with torch.no_grad():
            rows = model.get_input_embeddings()(expected["embedding_ids"].to(model.device)).float().cpu()
        lengths = expected["embedding"].norm(dim=1).clamp(min=1e-12)
        answer["embedding_difference"] = ((rows - expected["embedding"]).norm(dim=1) / lengths).max().item()
    if quick:
        for layer in quick:
            setattr(layer, CPU_KERNEL, True)
        try:
            answer["cpu_kernel_difference"] = _difference(model, expected, known, request["left_out"])
        except Exception as error:  # it takes no layer whose outputs are not a multiple of 32
            answer["cpu_kernel_error"] = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    print(json.dumps(answer))


def _difference(
    model: Any, expected: dict[str, torch.Tensor], known: list[torch.Tensor], left_out: int | None
) -> float:
    """Largest difference of a logit over all rows."""
    largest = 0.0
    for number, logits in enumerate(known):
        ids = expected[f"ids_{number}"].unsqueeze(0).to(model.device)
        with torch.no_grad():
            found = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0].float().cpu()
        largest = max(largest, (_without(found, left_out) - logits).abs().max().item())
    return largest


def _without(logits: torch.Tensor, column: int | None) -> torch.Tensor:
    """(T, V) without the column of a new token whose row is not saved."""
    return logits if column is None else torch.cat([logits[:, :column], logits[:, column + 1 :]], dim=1)


if __name__ == "__main__":
    main(sys.argv[1])
