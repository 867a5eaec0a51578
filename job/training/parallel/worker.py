"""A worker that is no leader: `python -m job.training.parallel.worker`, with its request on standard input.

It loads base and rows as the leader does, tests the optimizations and plans the memory of its own card. Then it computes what
it is asked for. It writes no file, and keeps nothing between two orders: the adapter comes with each.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch

from job.modeling.batching import Row
from job.modeling.chat import Chat
from job.modeling.files import BaseFiles
from job.modeling.tokenizer import load_tokenizer
from job.parallel.shares import Member
from job.parallel.slowest import card
from job.parallel.wire import Order, Wire, add_gradients
from job.parallel.worker import run
from job.settings.fields import LoraSettings, ModelSettings, TrainSettings
from job.training.parallel.computing import facts, gradients_of, losses_of
from job.training.parallel.lockstep import FILLER
from job.training.parallel.sharded import Sharing, own_device
from job.training.preparation import Prepared, prepare
from job.training.rows import read_rows


def _work(request: dict[str, Any], wire: Wire) -> None:
    files = BaseFiles(Path(request["folder"]), request["name"], request["revision"])
    model, settings = ModelSettings(**request["model"]), TrainSettings(**request["train"])
    tokenizer = load_tokenizer(files, model)
    chat = Chat(tokenizer)
    rows, eval_rows = (
        read_rows(chat, Path(request["root"], path), settings.loss_on, settings.max_tokens)
        for path in (request["rows"], request["eval_rows"])
    )
    sharing = None
    if request["held"] != "whole":
        wire.tell("here", True)
        wire.connect(own_device())
        sharing = Sharing.of(wire, request["hosts"], request["held"])
    prepared = prepare(
        files,
        tokenizer,
        LoraSettings(**request["lora"]),
        settings,
        rows,
        eval_rows=eval_rows,
        allow_unquantized=model.allow_unquantized,
        halved=request["halved"],
        sharing=sharing,
        capability=request["capability"] and tuple(request["capability"]),
        member=Member(wire.rank, wire.workers),
    )
    wire.tell("ready", facts(prepared, rows, eval_rows) | {"card": card()})
    if not sharing:
        wire.connect(prepared.loaded.forward.device)
    serve(wire, prepared, rows, eval_rows)


def serve(wire: Wire, prepared: Prepared, rows: list[Row], eval_rows: list[Row]) -> None:
    """Do what is asked for, until the end is."""
    forward, memory_plan = prepared.loaded.forward, prepared.step.memory_plan
    parameters = [parameter for parameter in forward.model.parameters() if parameter.requires_grad]
    while (said := wire.take()) is not None:
        order = Order(**said)
        wire.spread(parameters)
        if order.kind == "passes":
            for _ in range(order.learned):
                forward.row_sums([FILLER])
            continue
        mine = order.rows[wire.rank]
        if order.kind == "losses":
            sums = torch.zeros(len(eval_rows), dtype=torch.float64)
            own = [eval_rows[number] for number in mine]  # none: others may need this worker's part of the base
            sums[mine] = torch.tensor(losses_of(forward, memory_plan, own), dtype=torch.float64)
            wire.add(sums.to(forward.device))
            continue
        torch.manual_seed(seed_of(order, wire.rank))
        forward.model.zero_grad(set_to_none=True)
        loss = gradients_of(
            forward,
            memory_plan,
            [rows[number] for number in mine],
            order.learned,
            backward=partial(_backward, order.scale),
        )
        add_gradients(wire, parameters, loss)


def _backward(scale: float, loss: torch.Tensor) -> None:
    torch.autograd.backward(loss * scale)


def seed_of(order: Order, rank: int) -> int:
    """Dropout's, another one for each step and worker: the same in a run that goes on."""
    return (order.seed * 8191 + rank) % 2**63


if __name__ == "__main__":
    run(_work, "train")
