"""The round-trip check: the saved adapter, loaded by a fresh process, answers as the trained model does.

`python -m job.modeling.round_trip REQUEST.json` is that process: it runs the model card's code and prints one JSON line. On
a CPU with AVX512-BF16, this code by itself uses a kernel that rounds to bfloat16 (job/modeling/nf4.py). So the adapter is
compared without that kernel, and the distance of the kernel's answers from the trained model's is measured as well.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors.torch import load_file

from job.errors import JobError
from job.modeling.base import loading_code
from job.modeling.config import attention_of
from job.modeling.files import BaseFiles
from job.modeling.fresh import OUR_FAULT, fresh_process
from job.modeling.nf4 import CPU_KERNEL, layers_on_the_cpu_kernel, stay_differentiable
from job.modeling.precision import DTYPES
from job.modeling.refusals import one_line
from job.modeling.spread import is_on_the_first, placement
from job.results import RoundTrip

ROWS, TOKENS = 4, 128
"""At most so many rows, and tokens of each."""
COMPARED_ROWS = 64
EMBEDDING_ROUNDING = 0.01
"""As a share of a row's length; one rounding to bfloat16 is at most 0.004."""


def check(
    expected: dict[str, torch.Tensor],
    vocabulary_rows: int,
    files: BaseFiles,
    adapter: Path,
    *,
    dtype: str,
    left_out: int | None,
) -> RoundTrip:
    """Load base and adapter in a fresh process with the model card's code, and compare with what is `expected`.

    `vocabulary_rows`: to which the base was extended, 0 if it was not. `left_out`: a token whose row of the embedding is not
    saved. Raises JobError (1) if anything differs by more than the dtype's rounding, and MemoryExhausted (62) if the cards have
    no room for the base: beside one that takes several there is none.
    """
    request = {
        "code": loading_code(str(files.folder), "", dtype, vocabulary_rows, attention_of(files.config)),
        "adapter": str(adapter.absolute()),
        "rows": sum(name.startswith("logits_") for name in expected),
        "left_out": left_out,
    }
    spread = not is_on_the_first(placement(files, DTYPES[dtype]))
    what = "The saved adapter"
    answer = fresh_process("job.modeling.round_trip", request, expected, adapter, what, spread=spread)
    # Rounding of the dtype, times the depth over which it adds up, in units of the largest logit.
    rounding = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2}[dtype]
    tolerance = rounding * max(1.0, answer["largest"])
    result = RoundTrip(
        max_difference=answer["difference"],
        tolerance=tolerance,
        cpu_kernel_difference=answer.get("cpu_kernel_difference"),
        cpu_kernel_error=answer.get("cpu_kernel_error", ""),
    )
    if not result.max_difference <= result.tolerance:
        raise JobError(
            f"Loaded in a fresh process, the adapter answers differently from the trained model: a logit differs by "
            f"{result.max_difference:g}, more than {result.tolerance:g}.",
            remedy=f"{OUR_FAULT} with metrics.json.",
        )
    if not answer.get("embedding_difference", 0.0) <= EMBEDDING_ROUNDING:
        raise JobError(
            f"A fresh process loads another embedding layer than the one in memory: a row differs by "
            f"{answer['embedding_difference']:.1%} of its length.",
            remedy=f"{OUR_FAULT} with metrics.json. With FINETUNE_MODEL_PAD_TOKEN=reserved, in a new FINETUNE_OUTPUT_DIR, no "
            "embedding layer has to be saved.",
        )
    return result


@torch.no_grad()
def expected_of(model: PeftModel, rows: Sequence[Sequence[int]], new_rows: int) -> dict[str, torch.Tensor]:
    """Token ids and logits of the first rows; with `new_rows` also vectors of the embedding, the new ones first. A pass through
    the model for each row."""
    expected = {}
    model.eval()
    for number, ids in enumerate(rows[:ROWS]):
        batch = torch.tensor([list(ids[:TOKENS])], device=model.device)
        logits = model(input_ids=batch, attention_mask=torch.ones_like(batch)).logits
        expected[f"ids_{number}"] = batch[0].cpu()
        expected[f"logits_{number}"] = logits[0].float().cpu().contiguous()  # (T, V)
    if new_rows:
        layer = model.get_input_embeddings()
        vocabulary_rows = layer.weight.shape[0]
        tokens = torch.tensor([*range(vocabulary_rows - new_rows, vocabulary_rows), *range(COMPARED_ROWS)])
        expected["embedding_ids"] = tokens  # (N,)
        expected["embedding"] = layer(tokens.to(model.device)).float().cpu().contiguous()  # (N, H)
    return expected


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
            answer["cpu_kernel_error"] = one_line(error)[:200]
    print(json.dumps(answer))


def _difference(
    model: PeftModel, expected: dict[str, torch.Tensor], known: list[torch.Tensor], left_out: int | None
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
