"""Speed of the probe on one GPU, before and after it got paths of its own, and what a T4 would need by arithmetic.

    python -m tests.bench.probe_speed            before and after: about 4 minutes on an H200
    python -m tests.bench.probe_speed --after    the probe as it is, alone
    python -m tests.bench.probe_speed --t4       with float16 and the memory of a T4; its seconds are still the larger GPU's

A random base of Llama 3.2 3B's shape with a random adapter: it never stops, so every answer has all its 256 tokens, which is
the worst case. Before: 40 questions, 16 at a time, weights in 4 bits, transformers' own loop; scaled to 200. After: 200
questions to base and tuned model, forgetting, and the loss of 990 rows, which a run takes over from training. Prompts are
the first halves of rows with the lengths of the published recipe.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from job.modeling.memory import GIB, RESERVE_SHARE, T4_BYTES
from tests.bench.random_base import make_rows

QUESTIONS, NEW, ROWS, LONGEST = 200, 256, 990, 512
BEFORE_QUESTIONS, BEFORE_BATCH = 40, 16
LOSSES = "losses (only where training has left none)"
T4_BYTES_PER_SECOND = 320e9
T4_READ_BYTES_PER_SECOND = 235e9
"""What large reads reach of that, by assumption: nothing here was measured on a T4."""
T4_FORWARD_SECONDS = 35.6 * 790 / (65 * 0.37) * 0.5 / 1e6
"""For a token without a backward pass, from the kernels of an earlier commit than job/plan/cost.py has: 0.58 ms."""
GENERAL_TOKENS = 20_000
"""Of the questions about what the data does not teach, about, for each model."""
RECIPE_TOKENS = 1_268_000
RECIPE_SECONDS = RECIPE_TOKENS * T4_FORWARD_SECONDS * 2
"""The published recipe's epoch in this job on a T4, without its evaluations."""


@dataclass
class Parts:
    """Seconds and peak memory of each part."""

    seconds: dict[str, float] = field(default_factory=dict)
    peak: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        import torch

        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        began = time.monotonic()
        yield
        torch.cuda.synchronize()
        self.seconds[name] = round(time.monotonic() - began, 2)
        self.peak[name] = round(torch.cuda.max_memory_reserved() / GIB, 2)
        print(f"  {name}: {self.seconds[name]:.1f} s, {self.peak[name]:.1f} GiB", flush=True)


def prompts(count: int) -> list[list[int]]:
    return [ids[: max(20, len(ids) // 2)] for ids in make_rows(count, LONGEST)]


def load(base: Path, t4: bool) -> tuple[Any, Any]:
    """(model with a random adapter, chat)"""
    import torch

    from job.modeling.base import load_base
    from job.modeling.chat import Chat
    from job.modeling.files import fetch_files
    from job.modeling.tokenizer import load_tokenizer
    from job.settings.fields import LoraSettings, ModelSettings
    from job.training.adapter import attach

    settings = ModelSettings(base=str(base), pad_token="reserved")
    files = fetch_files(settings, "", weights=True)
    tokenizer = load_tokenizer(files, settings)
    model = attach(
        load_base(files, tokenizer, torch.float16 if t4 else torch.bfloat16), LoraSettings(), 1, str(base)
    ).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.01)
    return model, Chat(tokenizer)


def before(model: Any, chat: Any, count: int) -> None:
    """The answers of both models, as the probe got them until its answers had a loop of their own."""
    import torch

    asked = sorted(prompts(count), key=len)
    pad = chat.tokenizer.pad_token_id
    for enter in (model.disable_adapter, nullcontext):
        for begin in range(0, count, BEFORE_BATCH):
            some = asked[begin : begin + BEFORE_BATCH]
            width = max(map(len, some))
            ids = torch.tensor([[pad] * (width - len(one)) + one for one in some]).cuda()
            mask = torch.tensor([[0] * (width - len(one)) + [1] * len(one) for one in some]).cuda()
            with enter(), torch.no_grad():
                model.generate(
                    input_ids=ids,
                    attention_mask=mask,
                    do_sample=False,
                    max_new_tokens=NEW,
                    use_cache=True,
                    pad_token_id=pad,
                    eos_token_id=chat.stop_id,
                )


def after(model: Any, chat: Any, parts: Parts, rows: int) -> None:
    """The parts of the probe in its order; `load` has been timed."""
    from job.modeling.batching import Row
    from job.probing import forgetting
    from job.probing.answers import answer_all, unpacked_where_it_fits
    from job.probing.losses import HeldOut, mean_losses
    from job.settings.fields import ProbeSettings

    settings, asked = ProbeSettings(max_new_tokens=NEW), prompts(QUESTIONS)
    models = {"base": model.disable_adapter, "tuned": nullcontext}
    held = [
        HeldOut(place, place, (Row.after(ids, len(ids) // 2),)) for place, ids in enumerate(make_rows(rows, LONGEST))
    ]
    forgetting.UNKNOWN_TEXT = math.inf  # a random base knows no text, and would not be asked
    with parts.part("unpack"):
        context = unpacked_where_it_fits(model, asked, settings)
        context.__enter__()
    with parts.part(LOSSES):
        mean_losses(model, chat.tokenizer.pad_token_id, held, models)
    with parts.part("answers"):
        answers = answer_all(model, chat, asked, settings, models)
    lengths = [answer.tokens for some in answers.values() for answer in some if answer]
    print(f"  {len(lengths)} answers, {sum(lengths) / len(lengths):.0f} tokens in the mean", flush=True)
    with parts.part("forgetting"):
        forgetting.general_rows(model, chat)
    context.__exit__(None, None, None)


# --- the T4's arithmetic ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shape:
    """Of Llama 3.2 3B, in bytes of 16 bits."""

    linear: int = 2_818_572_288
    head: int = 394_002_432
    layers: int = 28
    keys: int = 1024

    @property
    def each_token(self) -> int:
        return 2 * self.layers * self.keys * 2

    @property
    def packed(self) -> int:
        """What the base takes in 4 bits."""
        return int(self.linear * (0.5 + 1 / 64)) + 2 * self.head

    @property
    def step(self) -> int:
        """Weights that a token step reads, unpacked."""
        return 2 * (self.linear + self.head)


def t4_lines(lengths: Sequence[int], models: int = 2) -> list[str]:
    """Bytes that are read, at the data sheet's rate and at one that is reached. All models answer in one batch."""
    shape = Shape()
    room = T4_BYTES * (1 - RESERVE_SHARE) - shape.packed - 2 * shape.linear - 0.7e9
    fitting = int(room // ((max(lengths) + NEW) * shape.each_token + 128_256 * 10))
    batches = math.ceil(models * len(lengths) / fitting)
    keys_and_values = models * len(lengths) / batches * (max(lengths) + NEW / 2) * shape.each_token
    step = shape.step + keys_and_values
    packed_step = 3 * shape.step + BEFORE_BATCH * (max(lengths) + NEW / 2) * shape.each_token
    slow, fast = models * math.ceil(len(lengths) / BEFORE_BATCH) * NEW * packed_step, batches * NEW * step
    prefill = models * sum(lengths) * T4_FORWARD_SECONDS
    forgetting = models * GENERAL_TOKENS * T4_FORWARD_SECONDS
    losses = models * ROWS * 261 * T4_FORWARD_SECONDS
    total = fast / T4_BYTES_PER_SECOND + prefill + forgetting
    return [
        f"T4, {len(lengths)} questions to {models} models in {batches} batches of up to {fitting} rows: a token step reads "
        f"{shape.step / 1e9:.1f} GB of weights and {keys_and_values / 1e9:.1f} GB of keys and values, "
        f"{step / T4_BYTES_PER_SECOND * 1000:.0f} ms at {T4_BYTES_PER_SECOND / 1e9:.0f} GB/s",
        f"  token steps {fast / T4_BYTES_PER_SECOND:.0f} s ({fast / T4_READ_BYTES_PER_SECOND:.0f} at "
        f"{T4_READ_BYTES_PER_SECOND / 1e9:.0f} GB/s; before, in 4 bits and {BEFORE_BATCH} at a time: "
        f"{slow / T4_BYTES_PER_SECOND:.0f}), prompts {prefill:.0f} s, forgetting {forgetting:.0f} s",
        f"  together {total:.0f} s without loading: {total / RECIPE_SECONDS:.0%} of the recipe's {RECIPE_SECONDS:.0f} s of "
        f"training; losses of {ROWS} rows come from its evaluations, and would take {losses:.0f} s more",
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--base", type=Path, default=Path(tempfile.gettempdir()) / "lora-job-bench-base")
    parser.add_argument("--after", action="store_true", help="leave out how it was before")
    parser.add_argument(
        "--t4", action="store_true", help="float16 and 14.56 GiB of memory, neither flash nor cuDNN attention"
    )
    parser.add_argument("--rows", type=int, default=ROWS, help="rows whose loss is taken")
    parser.add_argument("--json", type=Path, help="also write all figures there")
    options = parser.parse_args()
    print("\n".join(t4_lines([len(one) for one in prompts(QUESTIONS)])), flush=True)
    if not (options.base / "config.json").exists():
        subprocess.run([sys.executable, "-m", "tests.bench.random_base", str(options.base)], check=True)
    from job.hosts.libraries import prepare_cuda

    prepare_cuda(os.environ)
    import torch

    print(torch.cuda.get_device_name(), flush=True)
    if options.t4:
        torch.backends.cuda.enable_flash_sdp(False)
        torch.backends.cuda.enable_cudnn_sdp(False)
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(T4_BYTES / total)
    parts = Parts()
    torch.zeros(1).cuda()
    with parts.part("load"):
        model, chat = load(options.base, options.t4)
    after(model, chat, parts, options.rows)
    total = sum(parts.seconds.values())
    print(
        f"after: {total:.1f} s with all losses computed, {total - parts.seconds[LOSSES]:.1f} s where training has left them, "
        f"peak {max(parts.peak.values()):.1f} GiB",
        flush=True,
    )
    if not options.after:
        with parts.part("before"):
            before(model, chat, BEFORE_QUESTIONS)
        scaled = parts.seconds["before"] * QUESTIONS / BEFORE_QUESTIONS
        print(
            f"before: {parts.seconds['before']:.1f} s for {BEFORE_QUESTIONS} questions, {scaled:.0f} s for {QUESTIONS}; "
        )
        print(f"answers to {QUESTIONS} questions take {parts.seconds['answers'] / scaled:.1%} of what they took before")
    if options.json:
        options.json.write_text(json.dumps({"seconds": parts.seconds, "peak_gib": parts.peak}, indent=1), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
