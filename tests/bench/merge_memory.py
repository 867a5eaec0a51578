"""`export merged` of a model of Llama 3.2 3B's shape on machines with little memory.

`python -m tests.bench.merge_memory FOLDER [MEGABYTES ...]` (as root, about 16 GB of disk; six limits by default) makes a
random base and the folder of a finished run in FOLDER, where they are not there yet, and starts the command once for each
limit, in a control group with so much memory and no swap. The base's files are put out of the page cache before, so that what
is read of them counts, as on a machine of that size. A few tensors of each model that comes of it are compared with W + B·A,
computed from the files without the job's own code.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.random_base import make_base
from tests.conftest import PROJECT
from tests.memory_groups import group_with

LIMITS = [8000, 2000, 1300, 1000, 700, 300]
"""In the middle the least that works, and what is refused for each of three reasons."""
COMPARED = (
    *("model.layers.0.self_attn.q_proj", "model.layers.13.self_attn.v_proj", "model.layers.27.self_attn.o_proj"),
    "model.layers.27.mlp.down_proj",  # without an update: what 4 bits leave of it
)


def make_run(base: Path, root: Path) -> None:
    """The records of a run that ended with an adapter of random numbers, and three answers of the model with it."""
    from job.inputs import sha256
    from job.results import SCHEMA_VERSION, Cleaned, Probed, Result, Trained
    from job.runs.files import facts_of, write_json, write_sealed
    from job.stages import STAGES
    from tests.exporting.conftest import make_source
    from tests.sample_results import CLEANED, PROBED

    root.mkdir()
    source = make_source(
        base, root / "adapter", size=0.02
    )  # larger, and 28 layers of random numbers amplify any rounding
    (root / "probe").mkdir()
    lines = [said.model_dump_json() + "\n" for said in source.said]
    (root / "probe" / "tokens.jsonl").write_text("".join(lines), "utf-8")
    model = {"base": str(base), "revision": "main", "pad_token": "add", "save_embedding": "full"}
    model["files"] = {path.name: sha256(path).hex() for path in sorted(base.iterdir())}
    inputs: dict[type[Result], Any] = {
        Cleaned: {"data": {}},
        Trained: {"model": model},
        Probed: {"probe": {"max_new_tokens": source.max_new_tokens, "repetition_penalty": source.repetition_penalty}},
    }
    probed = PROBED.model_copy(update={"tokens_path": "probe/tokens.jsonl"})
    results: dict[type[Result], Result] = {Cleaned: CLEANED, Trained: source.trained, Probed: probed}
    left = [path for name in ("adapter", "probe") for path in sorted((root / name).iterdir())]
    for stage in STAGES[:3]:
        files = left if stage.result is Probed else []
        record = {
            "schema_version": SCHEMA_VERSION,
            "stage": stage.name,
            "inputs": inputs[stage.result],
            "earlier": {},
            "seconds": 1.0,
            "result": results[stage.result].model_dump(mode="json"),
            "files": {path.relative_to(root).as_posix(): facts_of(path) for path in files},
        }
        write_sealed(root / f"{stage.name}.json", record)
    write_json(root / "settings.json", {"data": {}})


# --- little memory -----------------------------------------------------------------------------------------------------


def forget_pages(folder: Path) -> None:
    """Else they count for the group that read them first."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@dataclass
class Found:
    code: int
    seconds: float
    peak: int
    without_files: int
    kills: int
    words: str


def export_with(size: int, folder: Path) -> Found:
    root = folder / "output"
    shutil.rmtree(root / "merged", ignore_errors=True)
    forget_pages(folder)
    with group_with(size) as group:
        began = time.monotonic()
        child = subprocess.Popen(
            [sys.executable, "entrypoint.py", "export", "merged", "--output", str(root)],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=group.enter,
        )
        most = 0
        ended = threading.Event()

        def watch() -> None:
            nonlocal most
            while not ended.wait(0.2):
                most = max(most, group.without_files())

        watching = threading.Thread(target=watch)
        watching.start()
        words, _ = child.communicate()
        seconds = time.monotonic() - began
        ended.set()
        watching.join()
        return Found(child.returncode, seconds, group.peak(), most, group.kills(), words)


# --- what it should be -------------------------------------------------------------------------------------------------


def differences(folder: Path) -> dict[str, float]:
    """Tensor of merged/ -> its largest difference to what it should hold, in units of the last place of 16 bits: rounding alone
    makes half a unit. Of the embedding, the numbers that are not the base's."""
    import torch
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit
    from safetensors import safe_open

    def tensor(place: Path, name: str) -> torch.Tensor:
        listed = json.loads((place / "model.safetensors.index.json").read_text("utf-8"))["weight_map"]
        with safe_open(place / listed[name], "pt") as file:
            found: torch.Tensor = file.get_tensor(name)
        return found

    base, merged, adapter = folder / "base", folder / "output" / "merged", folder / "output" / "adapter"
    config = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    name = "model.embed_tokens.weight"
    found = {name: float((tensor(base, name).view(torch.int16) != tensor(merged, name).view(torch.int16)).sum())}
    with safe_open(adapter / "adapter_model.safetensors", "pt") as file:
        for module in COMPARED:
            plain = tensor(base, f"{module}.weight").float()
            data, state = quantize_4bit(plain, blocksize=64, compress_statistics=True, quant_type="nf4")
            wanted = dequantize_4bit(data, state).double()
            a, b = (f"base_model.model.{module}.lora_{side}.weight" for side in "AB")
            if a in file.keys():  # noqa: SIM118
                wanted += (
                    config["lora_alpha"] / config["r"] * (file.get_tensor(b).double() @ file.get_tensor(a).double())
                )
            is_there = tensor(merged, f"{module}.weight")
            unit = torch.finfo(is_there.dtype).eps * wanted.abs().clamp(min=float(wanted.abs().mean()) / 100)
            found[module] = round(float(((is_there.double() - wanted).abs() / unit).max()), 4)
    return found


def main(folder: Path, limits: list[int]) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "base").exists():
        make_base(folder / "base")
    if not (folder / "output").exists():
        make_run(folder / "base", folder / "output")
    print("| limit | exit code | seconds | peak | without files | killed |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for limit in limits:
        found = export_with(limit * 10**6, folder)
        print(
            f"| {limit:,} MB | {found.code} | {found.seconds:.0f} | {found.peak / 1e6:,.0f} MB | "
            f"{found.without_files / 1e6:,.0f} MB | {found.kills} |"
        )
        print(found.words.strip()[-2000:])
        if found.code == 0:
            print(differences(folder), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), [int(word) for word in sys.argv[2:]] or LIMITS))
