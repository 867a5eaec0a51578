"""A worker of the probe that is no leader: `python -m job.probing.worker`, with its request on standard input.

It loads base and adapter as the leader does, and takes batches as long as there are any. Which questions and rows they are made
of, and what answers and losses are for, it does not know. It writes no file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from job.modeling.batching import Row
from job.modeling.chat import Chat
from job.modeling.files import BaseFiles
from job.modeling.precision import DTYPES
from job.modeling.tokenizer import load_tokenizer
from job.modeling.unpacked import unpacked
from job.parallel.pile import Pile
from job.parallel.wire import Wire
from job.parallel.worker import run
from job.probing.answers import answer_all, said
from job.probing.losses import text_losses
from job.probing.sharing import Work
from job.probing.tuned import Models, Tuned
from job.runs.progress import counts
from job.settings.fields import ModelSettings, ProbeSettings


def _work(request: dict[str, Any], wire: Wire) -> None:
    files = BaseFiles(Path(request["folder"]), request["name"], request["revision"])
    tokenizer = load_tokenizer(files, ModelSettings(**request["model"]))
    tuned = Tuned.load(files, tokenizer, DTYPES[request["precision"]], Path(request["adapter"]))
    chat, settings = Chat(tokenizer), ProbeSettings(**request["probe"])

    def look() -> None:
        wire.tell("tokens", counts()["tokens"])

    def compute(work: Work, models: Models, items: list[Any]) -> Sequence[Any]:
        if work.kind == "answers":
            return said(answer_all(tuned.model, chat, items, settings, models, look=look, until=work.until))
        rows = [Row(ids, tuple((begin, end) for begin, end in learned)) for ids, learned in items]
        return text_losses(tuned.model, tokenizer.pad_token_id, rows, models, look=look)

    look()  # it has loaded
    with unpacked(tuned.model) if request["unpacked"] else nullcontext():
        while (fields := wire.take()) is not None:
            do(Work(**fields), wire, tuned, compute)


def do(work: Work, wire: Wire, tuned: Tuned, compute: Callable[[Work, Models, list[Any]], Sequence[Any]]) -> None:
    """Batches of that pile, until none is left or the time is over."""
    models = tuned.models({name: Path(path) for name, path in work.adapters.items()})
    pile = Pile(work.pile, work.batches, wire)
    while time.monotonic() < work.until and (batch := pile.take()) is not None:
        pile.bring(batch, compute(work, models, pile.items(batch)))


if __name__ == "__main__":
    run(_work, "probe")
