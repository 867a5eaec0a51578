"""The fresh process that proves a saved adapter: runs the model card's own lines, compares logits with the trained model's.

Run as `python -m job.training.readback REQUEST.json`; prints one JSON line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file


def main(request_path: str) -> None:
    request = json.loads(Path(request_path).read_text("utf-8"))
    names: dict[str, Any] = {"adapter": request["adapter"]}
    exec(request["code"], names)  # noqa: S102  the very text that job.modeling.base.loading_code gives to users
    model, tokenizer = names["model"], names["tokenizer"]
    expected = load_file(request["expected"])
    difference = largest = 0.0
    for number in range(len(expected) // 2):
        ids = expected[f"ids_{number}"].unsqueeze(0).to(model.device)
        with torch.no_grad():
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0].float().cpu()
        known = expected[f"logits_{number}"]
        columns = [column for column in range(known.shape[1]) if column != tokenizer.pad_token_id]
        difference = max(difference, (logits[:, columns] - known[:, columns]).abs().max().item())
        largest = max(largest, known[:, columns].abs().max().item())
    print(json.dumps({"difference": difference, "largest": largest}))


if __name__ == "__main__":
    main(sys.argv[1])
