"""Several GPUs on paper: `python -m tests.bench.parallel_paper`.

The first table is step time over 1 to 64 GPUs for Llama 3.2 3B. Up to eight of them share a host; more are several hosts with
10 Gb/s between them. The second is how bases of 3, 8 and 70 billion parameters are held on 1 to 8 GPUs of a host, what a GPU
needs for it, and how long a step of 16 rows takes; "not loaded" says that they have no room for the round-trip check.

From kernel times measured on an H200 and scaled to the card, the bytes of gradient and 4-bit weights, and the links of the
data sheets, all as in job/plan; nothing is run. The rows have the lengths of the published recipe (78 to 512 tokens).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from job.errors import HostUnfit
from job.modeling.memory import GIB
from job.modeling.sharding import require_room_to_load
from job.plan.cost import CARDS, GRAPHED_SECONDS, MEASURED_WEIGHTS, Card, kernel_ms, memory, step_of
from job.plan.parallel import Step, exchange_seconds, largest_share, rows_of, workers_of
from job.plan.rows import Expected
from job.settings.fields import LoraSettings, Settings, TrainSettings
from tests.bench.random_base import make_rows

if TYPE_CHECKING:
    from job.modeling.architecture import Architecture  # imports torch

GPUS = (1, 2, 4, 8, 16, 32, 64)
IN_A_HOST = 8
ROWS = (16, 64)
"""Of a step."""
LAYERS, GRADIENT_BYTES = 28, 36_700_160
LONGEST = 512
LLAMA = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "dtype": "bfloat16", "head_dim": 128,
    "num_key_value_heads": 8, "vocab_size": 128256,
}  # fmt: skip
THREE_B = LLAMA | {
    "hidden_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 24, "intermediate_size": 8192,
    "tie_word_embeddings": True,
}  # fmt: skip
EIGHT_B = LLAMA | {
    "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "intermediate_size": 14336,
    "tie_word_embeddings": False,
}  # fmt: skip
SEVENTY_B = EIGHT_B | {
    "hidden_size": 8192, "num_hidden_layers": 80, "num_attention_heads": 64, "intermediate_size": 28672,
}  # fmt: skip
BASES = {"Llama 3.2 3B": THREE_B, "Llama 3.1 8B": EIGHT_B, "Llama 3.3 70B": SEVENTY_B}
"""What their config.json says of shapes."""
OF_A_HOST = (1, 2, 4, 8)


def step(card: Card, gpus: int, rows: int, lengths: list[int]) -> Step:
    """Layers not recomputed, and each share one micro-batch, as `plan` finds for an H100; on a T4 a share of more than 4,096
    tokens is cut, which costs launches alone, and there the kernels set the pace."""
    train = TrainSettings(batch_size=rows, devices=gpus)
    workers = workers_of(gpus, train)
    tokens = sum(lengths) / len(lengths) * rows * largest_share(lengths, workers, rows)
    return Step(
        workers,
        rows_of(workers, train),
        kernels=tokens * kernel_ms(MEASURED_WEIGHTS, card, 2) / 1e6,
        launching=GRAPHED_SECONDS,
        exchange=exchange_seconds(GRADIENT_BYTES, card.name, workers, -(-workers // IN_A_HOST)),
    )


def lines(cards: tuple[Card, ...]) -> Iterator[str]:
    lengths = sorted(len(row) for row in make_rows(1024, LONGEST))
    columns = [(card, rows) for card in cards for rows in ROWS]
    yield f"| GPUs | hosts | {' | '.join(f'{card.name}, {rows} rows: s a step' for card, rows in columns)} |"
    yield f"| ---: | ---: |{' ---: |' * len(columns)}"
    for gpus in GPUS:
        cells = []
        for card, rows in columns:
            found, alone = step(card, gpus, rows, lengths), step(card, 1, rows, lengths)
            idle = "" if found.workers == gpus else f"; {gpus - found.workers} idle"
            cells.append(f"{found.seconds:.2f} ({alone.seconds / found.seconds:.1f} x{idle})")
        yield f"| {gpus} | {-(-gpus // IN_A_HOST)} | {' | '.join(cells)} |"


def base_of(config: dict[str, object], name: str) -> Architecture:
    from job.modeling.architecture import Architecture

    with TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(config), "utf-8")
        return Architecture.read(Path(folder), name)


def cell(base: Architecture, card: Card, gpus: int, lengths: list[int]) -> str:
    settings = Settings.model_construct(train=TrainSettings(max_tokens=LONGEST), lora=LoraSettings())
    found = memory(base, settings, card, gpus)
    if not found or not found.fits:
        return "does not fit"
    held = found.fit.held
    if held != "whole":
        try:
            require_room_to_load(found.fit, gpus, card.name)
        except HostUnfit:
            return f"{held}, but not loaded"
    rows = Expected(
        kept=None,
        certainty="",
        train_rows=0,
        eval_rows=0,
        train_texts=0,
        eval_texts=0,
        steps=300,
        text_tokens=fmean(lengths),
        lengths=tuple(lengths),
    )
    seconds = step_of(base, settings, rows, card, gpus, found).seconds
    return f"{held}, {found.peak_bytes / GIB:.1f} GiB, {seconds:.2f} s"


def held_lines(cards: tuple[Card, ...]) -> Iterator[str]:
    lengths = sorted(len(row) for row in make_rows(1024, LONGEST))
    yield f"| base | GPUs | {' | '.join(card.name for card in cards)} |"
    yield f"| --- | ---: |{' --- |' * len(cards)}"
    for name, config in BASES.items():
        base = base_of(config, name)
        for gpus in OF_A_HOST:
            yield f"| {name} | {gpus} | {' | '.join(cell(base, card, gpus, lengths) for card in cards)} |"


if __name__ == "__main__":
    print("\n".join(lines(tuple(card for card in CARDS if card.name in ("T4", "H100")))))
    print("\n".join(("", *held_lines(CARDS))))
