"""Training speed on one GPU: the published recipe, ours, ours without each optimization, and as a T4 would run it.

    python -m tests.bench.train_speed                      the whole table, 15 minutes on an H200
    python -m tests.bench.train_speed --only ours,t4       some of its lines

A random base of Llama 3.2 3B's shape is made once; lengths follow the statistics of the published recipe (78 to 794 tokens,
mean 261, cut at 512). Each line is a process of its own, through the job's own trainer: the same rows in the same order, 5
steps of warm-up, then the measured ones, then a quarter as many under the profiler. Real tokens leave padding out. CUDA graphs
for the measured steps are captured before them (`capture_seconds`), as a run does once. Wall over kernel time is 1 where a step
takes the time of its kernels alone.

"T4 mode" allows what a T4 has: float16, neither flash nor cuDNN attention, no TF32, 14.5 GiB; its kernels are still the larger
GPU's, so its kernel times compare with each other and are not the seconds of a T4.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.bench.random_base import make_rows
from tests.bench.seed_recipe import seed_trainer

QKVO = ("q_proj", "k_proj", "v_proj", "o_proj")
ALL_LINEAR = (*QKVO, "gate_proj", "up_proj", "down_proj")
T4_GIB = 14.5
WARM_UP = 5
MEASURING = "measuring"
"""What a line's process says then: the next one, which imports, stands still until it has ended."""
COMPARED_STEP = 10
"""The table shows the mean loss up to it, since the log line before: every line has made these steps on the same rows."""
LOG_STEPS = COMPARED_STEP // 2


@dataclass(frozen=True)
class Line:
    title: str
    seed_recipe: bool = False
    without: str = ""
    t4: bool = False
    rows: int = 16
    micro_batch: int = 4
    steps: int = 20
    longest: int = 512
    targets: tuple[str, ...] = QKVO

    @property
    def profiled(self) -> int:
        """Steps: several, or their padding to the shapes of CUDA graphs may be another than that of the measured ones."""
        return max(self.steps // 4, 1)

    @property
    def all_steps(self) -> int:
        """The first one of the profiler sets it up."""
        return WARM_UP + self.steps + 1 + self.profiled


def all_lines() -> dict[str, Line]:
    """By their names. Imports the model libraries, since there is one line without each optimization of the registry."""
    from job.training import copies, graph_choice
    from job.training.optimizations.registry import OPTIMIZATIONS

    names = [*(one.name for one in OPTIMIZATIONS), graph_choice.NAME, copies.NAME]
    names.remove("heads")  # works in T4 mode alone
    without = {f"without-{name}": Line(f"this job without {name}", without=name) for name in names}
    return {
        "seed": Line("the published recipe: float32, padded, 4 x 4, checkpointing", seed_recipe=True, steps=8),
        "ours": Line("this job"),
        **without,
        "seed-64": Line(
            "the published recipe, 64 rows in one micro-batch", seed_recipe=True, rows=64, micro_batch=64, steps=5
        ),
        "ours-64": Line("this job, 64 rows a step", rows=64, steps=5),
        "t4": Line("T4 mode", t4=True, steps=12),
        "t4-without-heads": Line("T4 mode without heads", t4=True, steps=12, without="heads"),
        "t4-all": Line("T4 mode, seven LoRA targets", t4=True, steps=12, targets=ALL_LINEAR),
        "t4-2048": Line("T4 mode, 2,048 tokens", t4=True, steps=6, longest=2048),
        "t4-2048-all": Line(
            "T4 mode, 2,048 tokens, seven LoRA targets", t4=True, steps=6, longest=2048, targets=ALL_LINEAR
        ),
    }


def measure(name: str, base: Path) -> dict[str, Any]:
    """One line of the table, in this process. Imports first, then waits for its turn: a line on standard input."""
    started = time.monotonic()
    from job.hosts.libraries import prepare_cuda

    prepare_cuda(os.environ)
    import torch

    from job.training import preparation

    line = all_lines()[name]
    import_seconds = time.monotonic() - started
    sys.stdin.readline()
    started = time.monotonic()
    load_seconds = 0.0

    def timed_load(*arguments: Any) -> Any:
        nonlocal load_seconds
        begun = time.monotonic()
        model = load_base(*arguments)
        torch.cuda.synchronize()
        load_seconds = time.monotonic() - begun
        return model

    load_base, preparation.load_base = preparation.load_base, timed_load

    if line.t4:
        torch.backends.cuda.enable_flash_sdp(False)
        torch.backends.cuda.enable_cudnn_sdp(False)
        torch.backends.cuda.matmul.allow_tf32 = False
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(T4_GIB * 2**30 / total)
    rows = make_rows(line.rows * line.all_steps, line.longest)
    clock = _clock(line)
    with tempfile.TemporaryDirectory() as scratch:
        trainer, facts = (_seed_trainer if line.seed_recipe else _our_trainer)(line, base, rows, Path(scratch), clock)
        trainer._get_train_sampler = lambda *_, **__: torch.utils.data.SequentialSampler(trainer.train_dataset)
        trainer.train()
    facts |= clock.facts(rows)
    facts["import_seconds"] = round(import_seconds, 1)
    facts["load_seconds"] = round(load_seconds, 1)
    facts["first_step_seconds"] = round(import_seconds + clock.first_step - started, 1)
    return {"name": name, "gpu": torch.cuda.get_device_name(), **facts}


def _clock(line: Line) -> Any:
    import torch
    from torch.profiler import ProfilerActivity, profile
    from transformers import TrainerCallback

    class Clock(TrainerCallback):  # type: ignore[misc]
        """Marks the end of each step on the GPU, and profiles the last ones."""

        def __init__(self) -> None:
            self.events: list[torch.cuda.Event] = []
            self.losses: dict[int, float] = {}
            self.profile = profile(activities=[ProfilerActivity.CUDA])
            self.seconds = 0.0
            self.first_step = 0.0
            self.before: Callable[[], object] = lambda: None  # the measured steps

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == WARM_UP:
                print(MEASURING, flush=True)
                self.before()
                torch.cuda.synchronize()
                self.begun = time.monotonic()
                self._mark()
            if state.global_step == WARM_UP + line.steps + 1:
                torch.cuda.synchronize()
                self.profile.start()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            step = state.global_step
            if step == 1:
                torch.cuda.synchronize()
                self.first_step = time.monotonic()
            if WARM_UP < step <= WARM_UP + line.steps:
                self._mark()
            if step == WARM_UP + line.steps:
                torch.cuda.synchronize()
                self.seconds = time.monotonic() - self.begun
            if step == line.all_steps:
                torch.cuda.synchronize()
                self.profile.stop()

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
            if logs and "loss" in logs:
                self.losses[state.global_step] = logs["loss"]

        def _mark(self) -> None:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self.events.append(event)

        def facts(self, rows: list[list[int]]) -> dict[str, Any]:
            measured = rows[line.rows * WARM_UP : line.rows * (WARM_UP + line.steps)]
            profiled = rows[-line.rows * line.profiled :]
            kernels = [
                event
                for event in self.profile.key_averages()
                if event.device_type == torch.autograd.DeviceType.CUDA and "mem" not in event.key.lower()[:3]
            ]
            kernel_seconds = sum(event.self_device_time_total for event in kernels) / 1e6
            steps = [a.elapsed_time(b) for a, b in zip(self.events, self.events[1:], strict=False)]
            return {
                "tokens_per_second": round(sum(map(len, measured)) / self.seconds),
                "median_step_seconds": round(statistics.median(steps) / 1000, 4),
                "kernel_ms": round(kernel_seconds * 1000, 1),
                "profiled_tokens": (profiled_tokens := sum(map(len, profiled))),
                "wall_over_kernels": round(
                    self.seconds / sum(map(len, measured)) * profiled_tokens / kernel_seconds, 2
                ),
                "kernels": sum(event.count for event in kernels) // line.profiled,
                "longest_kernels": {
                    event.key.replace("at::native::", ""): round(event.self_device_time_total / 1000 / line.profiled, 2)
                    for event in sorted(kernels, key=lambda event: -event.self_device_time_total)[:60]
                },
                "step_seconds": [round(step / 1000, 4) for step in steps],
                "peak_gib": round(torch.cuda.max_memory_allocated() / 2**30, 2),
                "reserved_gib": round(torch.cuda.max_memory_reserved() / 2**30, 2),
                "loss": round(self.losses[COMPARED_STEP], 4),
            }

    return Clock()


def _our_trainer(
    line: Line, base: Path, rows: list[list[int]], scratch: Path, clock: Any
) -> tuple[Any, dict[str, Any]]:
    from job.modeling.batching import Row
    from job.modeling.files import fetch_files
    from job.modeling.tokenizer import load_tokenizer
    from job.runs.signals import StopRequest
    from job.settings.fields import LoraSettings, ModelSettings, TrainSettings
    from job.training import copies, graph_choice
    from job.training.arguments import arguments
    from job.training.callbacks import Watch
    from job.training.optimizations.registry import OPTIMIZATIONS
    from job.training.preparation import prepare
    from job.training.trainer import Float32AdapterTrainer

    settings = TrainSettings(
        batch_size=line.rows,
        max_tokens=line.longest,
        warmup_steps=WARM_UP,
        lr_scheduler="constant",  # the lines make different numbers of steps, and a decay to 0 would show in their losses
        log_steps=LOG_STEPS,  # as in a run of a few hundred steps: each log line waits for the card
        eval_steps=10**6,
        precision="float16" if line.t4 else "auto",
    )
    model = ModelSettings(base=str(base), pad_token="reserved")
    files = fetch_files(model, "", weights=True)
    tokenizer = load_tokenizer(files, model)
    all_rows = [Row.after(ids, 0) for ids in rows]
    optimizations = [one for one in OPTIMIZATIONS if one.name != line.without]
    lora = LoraSettings(targets=line.targets)
    long = settings.model_copy(update={"epochs": 100})  # in so few steps no graph would save what its capture takes
    prepared = prepare(files, tokenizer, lora, long, all_rows, optimizations=optimizations)
    forward, plan, chosen = prepared.loaded.forward, prepared.step.memory_plan, prepared.step.optimizations
    if held := {graph_choice.NAME: forward.graphs, copies.NAME: forward.copies}.get(line.without):
        held.close()
    import torch

    torch.cuda.reset_peak_memory_stats()
    trainer = Float32AdapterTrainer(
        forward=forward,
        memory_plan=plan,
        rows=all_rows,
        eval_rows=all_rows[:1],
        watch=Watch(scratch, worst_loss=1000, stop=StopRequest()),
        args=arguments(settings, scratch, prepared.precision.value, len(rows)),
        processing_class=tokenizer,
    )
    trainer.add_callback(clock)
    tried = plan.tried[-1]
    facts = {
        "precision": prepared.precision.value,
        "candidate": f"{tried.micro_batch_tokens:,} / {tried.checkpointing}",
        "predicted_gib": round((tried.predicted_bytes or 0) / 2**30, 2),
        "dry_run_gib": round(tried.peak_bytes / 2**30, 2),
        "optimizations_off": [f"{one.name}: {one.reason}" for one in chosen if not one.on],
        "differs": {one.name: one.differs for one in chosen},
        "facts": {one.name: one.facts for one in chosen if one.facts},
    }

    def capture_all() -> None:
        if graphs := forward.graphs:
            for start in range(0, len(all_rows), line.rows):
                for some in forward.cut(all_rows[start : start + line.rows], plan.candidate.tokens):
                    graphs.captured_for(some)
            facts.update(captures=graphs.captures, capture_seconds=round(graphs.capture_seconds, 1))

    clock.before = capture_all
    return trainer, facts


def _seed_trainer(
    line: Line, base: Path, rows: list[list[int]], scratch: Path, clock: Any
) -> tuple[Any, dict[str, Any]]:
    trainer = seed_trainer(
        base,
        rows,
        scratch,
        clock,
        targets=line.targets,
        batch=line.rows,
        micro_batch=line.micro_batch,
        warm_up=WARM_UP,
        log_steps=LOG_STEPS,
    )
    return trainer, {"precision": "float32", "candidate": f"{line.micro_batch} rows / all", "optimizations_off": []}


def table(results: list[dict[str, Any]]) -> str:
    by_name = all_lines()
    heads = (
        "|real tokens/s|s a step|kernel ms per 1,000 tokens|wall / kernel time|kernels a step|peak / reserved GiB|"
        "tokens / recomputed|loss"
    ).split("|")
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    for result in results:
        cells = [
            by_name[result["name"]].title,
            f"{result['tokens_per_second']:,}",
            f"{result['median_step_seconds']:.3f}",
            f"{result['kernel_ms'] / result['profiled_tokens'] * 1000:.1f}",
            f"{result['wall_over_kernels']:.2f}",
            f"{result['kernels']:,}",
            f"{result['peak_gib']:.1f} / {result['reserved_gib']:.1f}",
            result["candidate"],
            f"{result['loss']:.4f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def left_out(results: list[dict[str, Any]]) -> str:
    """What each line did without, and why: on a card of capability 7.5, in its memory, or by its name."""
    titles = {name: line.title for name, line in all_lines().items()}
    return "\n".join(
        f"{titles[result['name']]}: without {off}" for result in results for off in result["optimizations_off"]
    )


def start(name: str, base: Path) -> tuple[subprocess.Popen[str], IO[str]]:
    """The process of one line, and the file of its standard error."""
    errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (read after the process has ended)
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.train_speed", "--one", name, "--base", str(base)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    return child, errors


def run(child: subprocess.Popen[str], following: subprocess.Popen[str]) -> str:
    """What the process of a line prints, which waits for its turn. While it measures, the one that follows stands still."""
    assert child.stdin and child.stdout
    child.stdin.write("go\n")
    child.stdin.flush()
    lines = []
    for text in child.stdout:
        lines.append(text)
        if text.strip() == MEASURING and following is not child:
            following.send_signal(signal.SIGSTOP)
    child.wait()
    if following is not child:
        following.send_signal(signal.SIGCONT)
    return "".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", help="names, such as seed,ours,without-norm,t4; the default is all, in their order")
    parser.add_argument("--base", type=Path, default=Path(tempfile.gettempdir()) / "lora-job-bench-base")
    parser.add_argument("--json", type=Path, help="also write all figures there")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.base)))
        return 0
    if not (options.base / "config.json").exists():
        subprocess.run([sys.executable, "-m", "tests.bench.random_base", str(options.base)], check=True)
    results = []
    names = options.only.split(",") if options.only else list(all_lines())
    children = (start(name, options.base) for name in names)
    following = next(children)
    for name in names:
        child, errors = following
        following = next(children, following)  # imports while this one loads its model
        output = run(child, following[0])
        if child.returncode:
            errors.seek(0)
            print(f"{name} failed:\n{errors.read()[-3000:]}", file=sys.stderr)
            continue
        results.append(json.loads(output.splitlines()[-1]))
        print(results[-1], file=sys.stderr, flush=True)
    print(table(results))
    print(left_out(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), "utf-8")
    return 0 if len(results) == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
