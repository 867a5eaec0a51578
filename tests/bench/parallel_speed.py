"""Several GPUs of one host against one: `python -m tests.bench.parallel_speed BASE [WORKERS ...]`, 1, 2 and 4 by default.

`ROWS=64` and `SHARD=full` in the environment change rows and FINETUNE_TRAIN_SHARD.

BASE is a folder, such as the one that `python -m tests.bench.random_base BASE` makes. Each line is the whole job through its
second stage on the same made-up rows, without dropout, so that the losses show that all of them train the same. Tokens a second
are the median of the training log's lines, five steps each, so neither loading nor the evaluation counts. The steps are so many
that CUDA graphs are worth their capture, as in a run of some hundred.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import tempfile
from pathlib import Path

from tests.conftest import run_job, write_rows

STEPS = 150


def rows_of(path: Path, batch: int) -> Path:
    """So many rows that ten are held out and `STEPS` steps are left; about 78 to 500 tokens each."""
    numbers = random.Random(1)
    words = "the a soil leaf root water light pot plant stem more less when dry wet warm cold day week month".split()

    def text(count: int) -> str:
        return " ".join(numbers.choice(words) for _ in range(count)) + "."

    rows = [
        {"input": f"{number} {text(12)}", "output": text(numbers.randrange(40, 260))}
        for number in range(batch * STEPS + 10)
    ]
    return write_rows(path, rows)


def main(base: Path, workers: list[int]) -> int:
    batch = int(os.environ.get("ROWS", "16"))
    print(
        "| workers | base | graphs | rows a step | tokens/s | to the first | reserved GiB (predicted) | evaluation loss | last "
        "training loss |"
    )
    print("| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    first = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = rows_of(folder / "rows.jsonl", batch)
        for count in workers:
            output = folder / str(count)
            found = run_job(
                {
                    "FINETUNE_MODEL_BASE": str(base),
                    "FINETUNE_DATA_SOURCES": str(path),
                    "FINETUNE_DATA_CLEANING": "none",
                    "FINETUNE_DATA_EVAL_FRACTION": f"{10 / (batch * STEPS + 10):.4f}",
                    "FINETUNE_LORA_DROPOUT": "0",
                    "FINETUNE_TRAIN_BATCH_SIZE": str(batch),
                    "FINETUNE_TRAIN_DEVICES": str(count),
                    "FINETUNE_TRAIN_SHARD": os.environ.get("SHARD", "none"),
                    "FINETUNE_TRAIN_LOG_STEPS": "5",
                    "FINETUNE_TRAIN_EVAL_STEPS": "1000",
                    "FINETUNE_STAGES": "clean,train",
                    "FINETUNE_OUTPUT_DIR": str(output),
                }
            )
            if found.returncode:
                print(found.stdout[-3000:], found.stderr[-3000:])
                return 1
            train = json.loads((output / "metrics.json").read_text("utf-8"))["train"]
            lines = [json.loads(line) for line in (output / "train" / "log.jsonl").read_text("utf-8").splitlines()]
            speed = statistics.median(line["tokens_per_second"] for line in lines if line.get("tokens_per_second"))
            first = first or speed
            plan, graphs = train["memory_plan"][-1], next(o for o in train["optimizations"] if o["name"] == "graphs")
            print(
                f"| {train['workers']} | {train['held']} | {graphs['on']} | {batch} | {speed:,.0f} | {speed / first:.2f} | "
                f"{train['peak_gpu_reserved_bytes'] / 2**30:.1f} ({plan['predicted_bytes'] / 2**30:.1f}) | "
                f"{train['best_eval_loss']:.6f} | "
                f"{train['final_train_loss']:.6f} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), [int(word) for word in sys.argv[2:]] or [1, 2, 4]))
