"""Computes the sum of the loss of rows: on the reference path (padded rows, the model's own logits), or with what the
optimizations put in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from peft import PeftModel

from job.modeling.batching import IGNORED, Packed, Row, cut, pack, pad
from job.modeling.layers import decoder_of
from job.runs.progress import advance
from job.training.optimizations.head import Form, HeadLoss, token_losses
from job.training.parallel.lockstep import Lockstep

if TYPE_CHECKING:  # both know this module
    from job.training.copies import Copies
    from job.training.graphs import Graphs

Revert = Callable[[], None]
"""Puts back what an optimization has replaced."""
AUTOCAST = {"float16": torch.float16, "bfloat16": torch.bfloat16}


class Forward:
    """The model and how its loss is computed. Optimizations set `packed`, `sliced_head` and `native`.

    `native`: every layer computes in the dtype of the base, so autocast has nothing to cast. `graphs` takes micro-batches
    over once a run's steps have been chosen, and is gone where it fails (job/training/graphs.py). `copies` are weights that
    are kept in 16 bits, until memory runs out (job/training/copies.py). `lockstep`: with the workers that share the layers of
    the base.
    """

    def __init__(self, model: PeftModel, *, precision: str, pad_token: int, lockstep: Lockstep | None = None) -> None:
        self.model = model
        self.base = model.get_base_model()
        self.device = self.base.get_input_embeddings().weight.device
        self.precision = precision
        self.pad_token = pad_token
        self.lockstep = lockstep
        self.packed = False
        self.sliced_head: Form | None = None
        self.native = False
        self.graphs: Graphs | None = None
        self.copies: Copies | None = None
        self.reverts: list[Revert] = []

    @property
    def vocabulary_rows(self) -> int:
        return int(self.base.get_input_embeddings().weight.shape[0])

    def revert_optimizations(self, keep: int = 0) -> None:
        """Leave the model as transformers and peft made it, or with the first `keep` optimizations. The last goes first."""
        while len(self.reverts) > keep:
            self.reverts.pop()()

    def cut(self, rows: Sequence[Row], budget: int) -> list[list[Row]]:
        """Micro-batches of at most `budget` tokens, padding included where there is any."""
        bins = cut([len(row.ids) for row in rows], budget, padded=not self.packed)
        return [[rows[number] for number in numbers] for numbers in bins]

    @property
    def sharers(self) -> int:
        """How many workers hold the base, of which this is one."""
        return self.lockstep.workers if self.lockstep else 1

    def fillers(self, passes: int) -> int:
        """How many passes without rows of its own a worker makes after so many, for those with more of them."""
        return self.most(passes) - passes

    def most(self, own: int) -> int:
        """The largest of all workers that pass through the base together; alone, its own."""
        return self.lockstep.most(own) if self.lockstep else own

    def all_say(self, yes: bool) -> bool:
        """Whether all of them say so."""
        return self.lockstep.all_say(yes) if self.lockstep else yes

    def autocast(self) -> AbstractContextManager[Any]:
        if self.native or self.precision not in AUTOCAST:
            return nullcontext()
        return torch.autocast(self.device.type, AUTOCAST[self.precision])

    def loss_sum(self, rows: Sequence[Row]) -> torch.Tensor:
        """Cross-entropy summed over all learned tokens of `rows`; a float32 scalar."""
        loss = self.graphs.loss_sum(rows) if self.graphs and self.model.training and torch.is_grad_enabled() else None
        if loss is None:
            with self.autocast():
                loss = self._loss(rows)
        advance("tokens", sum(len(row.ids) for row in rows))
        return loss

    @torch.no_grad()
    def row_sums(self, rows: Sequence[Row]) -> torch.Tensor:
        """The same for each row: (N,), each summed in float64."""
        with self.autocast():
            hidden, targets = self._packed(pack(rows, self.device)) if self.packed else self._padded(rows)
            if self.sliced_head is not None:
                losses = token_losses(hidden, self.base.get_output_embeddings().weight, targets, self.sliced_head)
            else:
                losses = torch.nn.functional.cross_entropy(hidden.float(), targets, reduction="none")
        advance("tokens", sum(len(row.ids) for row in rows))
        # not by index_add_, which adds in another order each time on a GPU
        return torch.stack([some.sum() for some in losses.double().split([row.targets for row in rows])])

    def _loss(self, rows: Sequence[Row]) -> torch.Tensor:
        return self.packed_loss(pack(rows, self.device)) if self.packed else self._sum(*self._padded(rows))

    def packed_loss(self, batch: Packed) -> torch.Tensor:
        return self._sum(*self._packed(batch), batch.ignored)

    def _sum(self, hidden: torch.Tensor, targets: torch.Tensor, ignored: torch.Tensor | None = None) -> torch.Tensor:
        """`hidden`: logits where the head is not ours."""
        if self.sliced_head is not None:
            return HeadLoss.apply(hidden, self.base.get_output_embeddings().weight, targets, self.sliced_head, ignored)
        if ignored is not None:
            targets = targets.masked_fill(ignored, IGNORED)
        return torch.nn.functional.cross_entropy(hidden.float(), targets, ignore_index=IGNORED, reduction="sum")

    def _packed(self, batch: Packed) -> tuple[torch.Tensor, torch.Tensor]:
        """What predicts the learned tokens, row by row, and these tokens: the last hidden states (P, H) where the head is ours,
        else logits (P, V)."""
        inputs = {
            "input_ids": batch.ids,
            "position_ids": batch.positions,
            "starts": batch.starts,
            "longest": batch.longest,
            "use_cache": False,
        }
        if self.sliced_head is not None:
            return decoder_of(self.base)(**inputs).last_hidden_state[0][batch.predicting], batch.targets
        return self.base(**inputs).logits[0, batch.predicting], batch.targets

    def _padded(self, rows: Sequence[Row]) -> tuple[torch.Tensor, torch.Tensor]:
        """The same on padded rows."""
        padded = pad(rows, self.pad_token, self.device)
        inputs = {"input_ids": padded.ids, "attention_mask": padded.mask, "use_cache": False}
        if self.sliced_head is not None:
            hidden = decoder_of(self.base)(**inputs).last_hidden_state
        else:
            hidden = self.base(**inputs).logits
        return hidden.flatten(0, 1)[padded.predicting], padded.targets
