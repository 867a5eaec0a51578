"""What the tests of the stand-in Hub share: tokens, the real client, and folders to push."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

from huggingface_hub import HfApi

from tests.standin_hub import StandInHub

WRITER, READER, STRANGER = "hf_writer00000000000000", "hf_reader00000000000000", "hf_stranger000000000000"
TOKENS = {WRITER: ("alice", "write"), READER: ("alice", "read"), STRANGER: ("bob", "fine-grained-write")}


def api(hub: StandInHub, token: str | bool = WRITER) -> HfApi:
    return HfApi(endpoint=hub.url, token=token)


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def read_folder(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def run_python(hub: StandInHub, code: str, cache: Path, token: str | None = None) -> str:
    """Run a program that knows the Hub from its environment only; its last line of output."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    env = inherited | hub.environment(token) | {"HF_HOME": str(cache), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


ADAPTER = {
    "README.md": b"---\nlibrary_name: peft\ntags:\n- lora\n---\n# Adapter\n",
    "adapter_config.json": b'{"r": 16}',
    "adapter_model.safetensors": random.Random(0).randbytes(12 * 1024 * 1024),
    "report/metrics.json": b'{"loss": 1.5}',
    "empty.txt": b"",
}
ROWS = [{"text": "first"}, {"text": "second"}, {"text": "third"}]
JSONL = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def parquet(folder: Path) -> bytes:
    import pyarrow
    from pyarrow import parquet as writer

    writer.write_table(pyarrow.Table.from_pylist(ROWS), folder / "rows.parquet")
    return (folder / "rows.parquet").read_bytes()
