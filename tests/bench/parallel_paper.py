"""Step time over 1 to 64 GPUs, on paper: `python -m tests.bench.parallel_paper`.

From kernel times measured on an H200 and scaled to the card, the 36.7 MB of the recipe's gradient, and the links of the data
sheets, all as in job/plan; nothing is run. The base is Llama 3.2 3B, the rows have the lengths of the published recipe (78 to
512 tokens). Up to eight GPUs share a host; more are several hosts with 10 Gb/s between them.
"""

from __future__ import annotations

from collections.abc import Iterator

from job.plan.cost import CARDS, HOST_SECONDS, MEASURED_WEIGHTS, Card, kernel_ms
from job.plan.parallel import Step, exchange_seconds, largest_share, rows_of, workers_of
from job.settings.fields import TrainSettings
from tests.bench.random_base import make_rows

GPUS = (1, 2, 4, 8, 16, 32, 64)
IN_A_HOST = 8
ROWS = (16, 64)
"""Of a step."""
LAYERS, GRADIENT_BYTES = 28, 36_700_160
LONGEST = 512


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
        launching=HOST_SECONDS * LAYERS,
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


if __name__ == "__main__":
    print("\n".join(lines(tuple(card for card in CARDS if card.name in ("T4", "H100")))))
