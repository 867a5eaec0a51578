"""The self-test: an optimization stays on only if it gives what the reference path gives, on this card, model and rows.

The reference path is the model as transformers and peft made it, on padded rows. Before training its loss and adapter
gradients are computed on real rows of this data set: the longest and short ones together in eval mode, then a short one and the
longest, each alone, in train mode. Train mode uses the same random numbers each time, so that dropout is compared too. Then all
optimizations are enabled, and the same is computed again. Only where that differs, each is enabled on top of those before it,
with a comparison of its own: one that raises or differs is reverted, with a warning and the reason in the result. Either way
the last comparison is of all that stay on. Finally the whole step is compared, with the layers that it recomputes, unless it is
cut into nothing else than what was compared.

In 16 bits no two paths agree to more than their rounding, which hides mistakes: on Llama 3.2 3B's shape it moves a gradient by
1 % in float16 and 8 % in bfloat16. So an optimization is compared twice there: in float32, where the same mathematics agrees to
six digits, and in 16 bits, where it may lie three times as far from float32 as the reference path does.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TypeVar

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from job.modeling.batching import Row
from job.modeling.layers import decoder_layers
from job.modeling.room import loss_token_bytes, room_bytes
from job.results import Optimization
from job.training.forward import Forward, Revert
from job.training.memory_plan import recompute
from job.training.optimizations.comparison import (
    Difference,
    InFloat32,
    Perturbed,
    difference,
    equal_dropout,
    fits_in_float32,
    gradients,
)
from job.training.optimizations.registry import OPTIMIZATIONS, Entry
from job.training.parallel.lockstep import out_of_memory

log = logging.getLogger("job.train")
T = TypeVar("T")
FACTOR = 3
ROUNDING = {
    "float32": Difference(3e-7, 3e-6, 6e-7),
    "float16": Difference(3e-4, 5e-3, 1e-3),
    "bfloat16": Difference(2e-3, 2e-2, 7e-3),
}
"""The least that counts as the rounding of a path. In float32: the largest that correct optimizations show on 18 families. In
16 bits: what the quieter families show, since the base's own is measured (`python -m tests.bench.self_test` prints all)."""
UNMEASURED = ROUNDING | {"float16": Difference(3e-4, 1e-2, 1e-3), "bfloat16": Difference(2e-3, 5e-2, 7e-3)}
"""The same where no float32 fits beside it, so that the base's own is not known. With Llama 3.2 3B's shape in bfloat16 all
optimizations together moved the gradient by 8e-2 there, its scale by 8e-3, which is two paths' rounding and no mistake."""
SAME_MATHEMATICS = Difference(1e-5, 1e-4, 1e-4)
"""Largest difference allowed while a model in 16 bits computes in float32: 30 times the rounding of float32."""
APART = Difference(1e-3, 1e-2, 1e-2)
"""Largest difference allowed between a row alone and beside others, in float32. A router that chooses another expert because
of the last digit stays below it."""
LARGEST_ROUNDING = 0.3
"""Relative difference of the gradients, reference path in 16 bits against reference path in float32. Above it, rounding hides
everything, and nothing can be compared."""
ATTENTION_DROPOUT = ("attention_dropout", "attn_pdrop", "attn_dropout", "attention_probs_dropout_prob")
"""The names that configs give to attention dropout."""
SHORT_ROWS = 2
BLOCK = 8
"""Tokens, or a divisor of the tokens, that our kernels take at once: what they do with the rest has to show."""
SHORTEST_PIECE = 64
SEED = 20
ANOTHER = "differs on another worker"


class SelfTest:
    """The reference gradients of a few rows, and what is compared with them. Adapter and random states stay as they were."""

    def __init__(self, forward: Forward, rows: Sequence[Row], *, halved: bool = False) -> None:
        """`rows`: all rows of the run. Where memory runs out, only the beginning of the longest is tested. `halved`: it ran out
        in an earlier start, in which workers shared the base."""
        by_length = sorted((row for row in rows if row.targets > 0), key=lambda row: len(row.ids))
        self.forward = forward
        self.longest = len(by_length[-1].ids)
        self.rows = [by_length[-1], *by_length[:SHORT_ROWS]]
        if (short := len(self.rows[1].ids)) % BLOCK == 0:
            self.rows[1] = _beginning(self.rows[1], short - 1)
        config = forward.base.config.get_text_config()
        self.attention_drops = any(getattr(config, name, 0) for name in ATTENTION_DROPOUT)
        # whether 16 bits are compared in float32 as well; workers that share a base cannot try whether memory suffices
        self.exact = forward.precision != "float32" and forward.all_say(
            not forward.lockstep or fits_in_float32(forward)
        )
        if forward.lockstep:
            recompute(forward.base, "all")
            room = _tokens_with_room(forward) // (2 if halved else 1)
            tokens = max(-forward.most(-room), SHORTEST_PIECE)
            if tokens < self.longest:
                self.rows[0] = _beginning(self.rows[0], tokens)
        self.beside_others: Difference | None = None
        self.enabled: Difference | None = None
        """Of all that is on, against the reference gradients."""
        self._as_long_as_fits(self._measure)

    # --- the reference -------------------------------------------------------------------------------------------

    def _measure(self) -> None:
        """The reference gradients, and how far the reference path lies from them by its rounding."""
        self.rounding = (ROUNDING if self.exact else UNMEASURED)[self.forward.precision]
        with InFloat32(self.forward) if self.exact else nullcontext():
            self.known = self._gradients()
            if self.exact or self.forward.precision == "float32":
                self.forward.model.eval()
                alone = gradients(self.forward, self.rows, [self.rows[:1], self.rows[1:]])
                self.beside_others = difference(self.known[0], alone)
        if self.exact:
            self.rounding = self.rounding.worse(self.compare())
        self.most = self.rounding.times(FACTOR)
        lengths = ",".join(str(len(row.ids)) for row in self.rows)
        log.info("stage=train self_test=measured rows=%s rounding=%r", lengths, str(self.rounding))

    def _gradients(self, budget: int = 0) -> list[tuple[float, torch.Tensor]]:
        """Gradients of all rows together in eval mode, then of a short one and of the longest, each alone, in train mode.

        Alone, because dropout's random numbers depend on how rows are laid out; each starts from the same seed. In 16 bits the
        last is left out where it is compared in float32 as well, which tells a mistake from rounding.
        """
        forward = self.forward
        forward.model.eval()
        found = [gradients(forward, self.rows, forward.cut(self.rows, budget) if budget else None)]
        forward.model.train()
        for row in (self.rows[1], self.rows[0])[: 1 if self.exact and forward.precision != "float32" else 2]:
            random = torch.random.fork_rng([forward.device] if forward.device.type == "cuda" else [])
            with random, equal_dropout(everywhere=self.attention_drops):
                torch.manual_seed(SEED)
                # PyTorch's fused kernels draw the dropout of attention by themselves, in each dtype differently
                with sdpa_kernel(SDPBackend.MATH) if self.attention_drops else nullcontext():
                    found.append(gradients(forward, [row]))
        forward.model.eval()
        return found

    def _as_long_as_fits(self, work: Callable[[], T]) -> T:
        """Return what `work` returns. If memory runs out, start over from the reference path with half of the longest row. As a
        last resort leave out float32, in which the parts of a base that are not in 4 bits take twice the room."""
        whole, shortened = self.rows[0], False
        while True:
            try:
                with Perturbed(self.forward.model):
                    if shortened:
                        self._measure()
                    found = work()
                    if shortened:
                        self._warn_of_the_rest()
                    return found
            except torch.OutOfMemoryError as error:
                out_of_memory(error, self.forward.lockstep)
                if len(self.rows[0].ids) <= SHORTEST_PIECE and not self.exact:
                    raise
            self.forward.revert_optimizations()
            torch.cuda.empty_cache()  # only here, after the traceback and with it the tensors are gone
            shortened, row = True, self.rows[0]
            if len(row.ids) <= SHORTEST_PIECE:
                self.exact, self.rows[0] = False, whole
            else:
                self.rows[0] = _beginning(row, len(row.ids) // 2)

    def _warn_of_the_rest(self) -> None:
        log.warning(
            "stage=train self_test=shortened tokens=%d of=%d: memory ran out, so the beginning of the longest row alone is "
            "compared%s",
            len(self.rows[0].ids),
            self.longest,
            "" if self.exact or self.forward.precision == "float32" else ", in 16 bits alone",
        )

    @property
    def finite(self) -> bool:
        """Whether there is anything to compare with: the base's own loss may be NaN."""
        return math.isfinite(self.known[0][0])

    @property
    def interference(self) -> str:
        """By how much a row's result on the reference path depends on the rows beside it; empty if by no more than
        rounding.

        No optimization is to blame: some rotary embeddings change with the longest row of a batch, and some models select
        tokens. A step would depend on how it is cut.
        """
        found = self.beside_others
        return "" if found is None or not self.finite or found.within(APART) else str(found)

    # --- the optimizations ---------------------------------------------------------------------------------------

    def enable(self, optimizations: Sequence[Entry] = OPTIMIZATIONS) -> list[Optimization]:
        """Enable each optimization that fits this model and passes; the result and the log say which, and why not."""
        found = self._as_long_as_fits(lambda: self._together(optimizations) or self._one_by_one(optimizations))
        self.known = [(loss, gradient.cpu()) for loss, gradient in self.known]  # the memory plan measures the card's
        if self.forward.device.type == "cuda":
            for reason, names in lost(found).items():
                log.warning(
                    "stage=train optimizations_off=%s reason=%r: a step gives the same without them, slower or in more memory",
                    ",".join(names),
                    reason,
                )
        return found

    def enable_one_by_one(self, optimizations: Sequence[Entry] = OPTIMIZATIONS) -> list[Optimization]:
        """The same with a comparison for each, which takes as many times as long."""
        return self._as_long_as_fits(lambda: self._one_by_one(optimizations))

    def _one_by_one(self, optimizations: Sequence[Entry]) -> list[Optimization]:
        self.enabled = None
        return [_result(entry, *self._try(entry)) for entry in optimizations]

    def _together(self, optimizations: Sequence[Entry]) -> list[Optimization]:
        """All at once, in one comparison; nothing is enabled, and the list empty, where it fails."""
        before, reasons = len(self.forward.reverts), dict.fromkeys((entry.name for entry in optimizations), "")
        self.enabled = difference = None
        try:
            for entry in optimizations:
                try:
                    self.forward.reverts.append(entry.enable(self.forward, self.longest))
                except NotImplementedError as error:
                    reasons[entry.name] = _named(error)
            if len(self.forward.reverts) == before:
                return [_result(entry, reasons[entry.name], None) for entry in optimizations]
            difference = self.compare()
            reason = self.verdict(difference) or self._untested_window()
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # a private kernel of another version may raise anything
            reason = self._broken_off(error)
        if reason := self._agreed(reason):
            log.info("stage=train optimizations=apart: all of them together: %s", reason)
            self.forward.revert_optimizations(keep=before)
            self.forward.model.zero_grad(set_to_none=True)
            return []
        self.enabled = difference
        return [
            _result(entry, reasons[entry.name], None if reasons[entry.name] else difference) for entry in optimizations
        ]

    def _agreed(self, reason: str) -> str:
        """The same for all workers that pass through the base together: one that finds a reason has it for all."""
        return reason if self.forward.all_say(not reason) else reason or ANOTHER

    def _broken_off(self, error: Exception) -> str:
        if self.forward.lockstep:
            self.forward.lockstep.recover()
        return _named(error)

    def _try(self, entry: Entry) -> tuple[str, Difference | None]:
        """(why it cannot be used, by how much it differs)."""
        revert: Revert | None = None
        difference = None
        try:
            revert = entry.enable(self.forward, self.longest)
            difference = self.compare()
            reason = self.verdict(difference) or self._untested_window()
        except torch.OutOfMemoryError:
            if revert:
                revert()
            raise
        except Exception as error:  # a private kernel of another version may raise anything; the reference path remains
            reason = self._broken_off(error)
        reason = self._agreed(reason)
        if not reason:
            assert revert
            self.forward.reverts.append(revert)
            self.enabled = difference
            return "", difference
        if revert:
            revert()
        self.forward.model.zero_grad(set_to_none=True)
        return reason, difference

    def verdict(self, difference: Difference) -> str:
        """Empty if what is enabled now computes the same mathematics, and `difference` in 16 bits is no more than rounding."""
        return self._in_float32() or self._by_rounding(difference)

    def _in_float32(self, budget: int = 0) -> str:
        if not self.exact:
            return ""
        with InFloat32(self.forward):
            exact = self.compare(budget)
        if exact.within(SAME_MATHEMATICS):
            return ""
        return f"differs from the reference path in float32: {exact} (at most {SAME_MATHEMATICS})"

    def _by_rounding(self, difference: Difference) -> str:
        if not self.rounding.gradient <= LARGEST_ROUNDING:
            path = f"the reference path in {self.forward.precision}"
            return f"cannot be compared: {path} differs from float32: {self.rounding}"
        if difference.within(self.most):
            return ""
        return f"differs from the reference path: {difference} (at most {self.most})"

    def _untested_window(self) -> str:
        """If the longest row had to be shortened: whether a window lies beyond what was tested."""
        tested = len(self.rows[0].ids)
        windows = {
            module.lora_job_window for module in self.forward.base.modules() if hasattr(module, "lora_job_window")
        }
        if any(tested <= window < self.longest for window in windows):
            return f"memory allows a test on {tested} tokens only, and attention windows have {sorted(windows)}"
        return ""

    # --- all of them together ------------------------------------------------------------------------------------

    def whole_step(self, budget: int, *, recomputes: bool = True) -> str:
        """Empty if the run's real step, with micro-batches of `budget` tokens and the layers that it recomputes, gives the
        reference gradients; else by how much it differs."""
        if self.enabled and not recomputes and len(self.forward.cut(self.rows, budget)) == 1:
            log.info("stage=train whole_step=compared differs=%r", str(self.enabled))  # the step is what was compared
            return ""
        try:
            with Perturbed(self.forward.model):
                difference = self.compare(budget)
                log.info("stage=train whole_step=compared differs=%r", str(difference))
                reason = self._in_float32(budget)
                # in 16 bits, without optimizations, it is the reference path, whose own rounding says nothing against it
                if self.forward.reverts or self.forward.precision == "float32":
                    reason = reason or self._by_rounding(difference)
                reason = self._agreed(reason)
                if reason:  # whoever asks reverts what was enabled
                    self.enabled = None
                return reason
        except torch.OutOfMemoryError as error:  # in float32; the step itself has been measured to fit
            out_of_memory(error, self.forward.lockstep)
            log.warning(
                "stage=train whole_step=not_compared: memory ran out; the optimizations were compared on whole rows"
            )
            return ""

    def compare(self, budget: int = 0) -> Difference:
        """What is enabled now against the reference gradients; `budget`: tokens of a micro-batch, 0 for all rows in one."""
        found = self._gradients(budget)
        assert len(found) <= len(self.known)  # in 16 bits one less
        differences = [difference(known, again) for known, again in zip(self.known, found, strict=False)]
        return functools.reduce(Difference.worse, differences)


def lost(found: Sequence[Optimization]) -> dict[str, list[str]]:
    """What keeps optimizations off, and the names of all that each reason costs."""
    names: dict[str, list[str]] = {}
    for one in found:
        if not one.on:
            names.setdefault(one.reason, []).append(one.name)
    return names


def _result(entry: Entry, reason: str, difference: Difference | None) -> Optimization:
    """`reason`: why it cannot be used. `difference`: what it differs by, with all that was enabled by then."""
    fact = f" reason={reason!r}" if reason else f" differs={str(difference)!r}"
    log.info("stage=train optimization=%s on=%s%s", entry.name, str(not reason).lower(), fact)
    return Optimization(name=entry.name, on=not reason, reason=reason, differs=str(difference or ""))


def _beginning(row: Row, tokens: int) -> Row:
    return Row.after(row.ids[:tokens], min(row.learned[0][0], tokens // 2))


def _tokens_with_room(forward: Forward) -> int:
    """Of a row, beside short ones that are padded to it, on the reference path with every layer recomputed. Nothing is fused
    there: logits and their gradient stand in 16 bits and in float32, and a layer has a tensor for each operator."""
    states = loss_token_bytes(forward.base)
    if states is None:
        return SHORTEST_PIECE
    embedding = forward.base.get_input_embeddings().weight
    entering = len(decoder_layers(forward.base)) * embedding.shape[1] * embedding.element_size()
    each = 12 * forward.vocabulary_rows + 6 * states + entering
    return int(0.8 * room_bytes(forward.device)) // each // (1 + SHORT_ROWS)


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
