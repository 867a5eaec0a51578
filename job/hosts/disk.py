"""The disk of the output folder: what each stage will write there, and whether that fits.

Predictions err on the large side by a factor of two at most where a size can be known; where it cannot (a data set on the Hub
before it is read), nothing is predicted. A disk that fills all the same ends the run with code 73.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from job.errors import DiskFull, HostUnfit
from job.settings.fields import DataSettings
from job.settings.files import read_text
from job.settings.sources import Source

RECORDS_BYTES = 10_000_000
"""Records, log, metrics.json and report.html of one run."""
COPIES = 2
"""Each row is written once by each of cleaning's two passes; the first pass's file goes when the second is done."""
TEXT_PER_BYTE = {".gz": 5, ".zst": 6, ".xlsx": 5, ".parquet": 4}
"""How much text a byte of a compressed file holds; measured 2.5 to 4 on questions and answers in English."""
BYTES_PER_ROW = 500
"""A short row; it turns bytes into rows, each of which repeats the system prompt."""
BYTES_PER_TOKEN = 8


def require_space(folder: Path, needed_bytes: int, what: str, variable: str) -> None:
    """`what` needs the space, and `variable` sets the folder. Raises HostUnfit (68)."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise HostUnfit(
            f"The disk of {folder.absolute()} has {free / 1e9:.2f} GB free; {what} need up to {needed_bytes / 1e9:.2f} GB.",
            remedy=f"Free space there, or set {variable} to a larger volume.",
        )


def require_left(root: Path, needed_bytes: int, what: str) -> None:
    """Before a stage, when others have written already. Raises DiskFull (73): what is done stays, a larger disk goes on."""
    free = shutil.disk_usage(root).free
    if free < needed_bytes:
        raise DiskFull(f"The disk of {root.absolute()} has {free:,} bytes free; {what} need up to {needed_bytes:,}.")


def cleaning_bytes(data: DataSettings) -> int:
    """What cleaning local sources writes at most; nothing is known of sources on the Hub."""
    prompt = len(read_text(data.system_prompt_file).encode())
    text = sum(_text_bytes(source) for source in data.sources if source.is_local)
    return COPIES * (text + text // BYTES_PER_ROW * prompt)


def _text_bytes(source: Source) -> int:
    return sum(path.stat().st_size * TEXT_PER_BYTE.get(path.suffix, 1) for path in source.list_files())


def answers_bytes(questions: int, max_new_tokens: int) -> int:
    """The answers of two models."""
    return 2 * questions * max_new_tokens * BYTES_PER_TOKEN


def present_bytes(root: Path) -> int:
    """What an earlier start left of a run's own files. Broken ones are not among them: they take space on top until they go."""
    names = ("clean", "train/candidates", "train/adapter", "adapter", "lora", "merged")
    parts = [*(root / name for name in names), *root.glob("train/checkpoints/checkpoint-*")]
    return sum(path.stat().st_size for part in parts for path in part.rglob("*") if path.is_file())
