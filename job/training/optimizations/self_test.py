"""What makes a step faster, each a module of its own with the same meaning as the reference path, and each proven at start.

The reference path is the model as transformers and peft made it, on padded rows. Before training its loss and adapter
gradients are computed on real rows of this data set, the longest beside short ones: together in eval mode, and the longest and
a short one alone in train mode with the same random numbers, so that dropout is compared too. Then each optimization is
enabled on top of those before it, and the same is computed again, on this card, with this model. One that raises or differs is
reverted, with a warning and the reason in the result. At last the whole step is compared, with the layers that it computes
again.

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
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from job.results import Optimization
from job.training.batching import Row
from job.training.forward import Forward
from job.training.optimizations.comparison import Difference, EqualDropout, InFloat32, Perturbed, difference, gradients
from job.training.optimizations.registry import OPTIMIZATIONS, _nothing

log = logging.getLogger("job.train")
FACTOR = 3
ROUNDING = {
    "float32": Difference(3e-7, 3e-6, 6e-7),
    "float16": Difference(3e-4, 5e-3, 1e-3),
    "bfloat16": Difference(2e-3, 2e-2, 7e-3),
}
"""The least that is taken for the rounding of a path. In float32 the largest that honest optimizations show on 18 families; in
16 bits what the quieter of them show, since the base's own is measured (`python -m tests.bench.self_test` prints all)."""
SAME_MATHEMATICS = Difference(1e-5, 1e-4, 1e-4)
"""At most, for a model in 16 bits that computes in float32 for the time: 30 times the rounding of float32."""
APART = Difference(1e-3, 1e-2, 1e-2)
"""At most, of rows computed alone in float32: more than a router's choice that tips with the last digit."""
LARGEST_ROUNDING = 0.3
"""Of the gradients: a reference path in 16 bits that lies farther from itself in float32 proves nothing."""
ATTENTION_DROPOUT = ("attention_dropout", "attn_pdrop", "attn_dropout", "attention_probs_dropout_prob")
"""What configs call it."""
SHORT_ROWS = 2
SHORTEST_PIECE = 64
SEED = 20


class SelfTest:
    """The reference gradients of a few rows, and what is compared with them. Adapter and random states stay as they were."""

    def __init__(self, forward: Forward, rows: Sequence[Row]) -> None:
        """`rows`: all that will be trained or evaluated on. Where memory runs out, the longest is tested by its beginning."""
        by_length = sorted((row for row in rows if row.targets > 0), key=lambda row: len(row.ids))
        self.forward = forward
        self.longest = len(by_length[-1].ids)
        self.rows = [by_length[-1], *by_length[:SHORT_ROWS]]
        config = forward.base.config.get_text_config()
        self.attention_drops = any(getattr(config, name, 0) for name in ATTENTION_DROPOUT)
        self.exact = forward.precision != "float32"
        self.of_neighbours: Difference | None = None
        self._as_long_as_fits(self._measure)

    def _as_long_as_fits(self, work: Callable[[], Any]) -> Any:
        """What `work` gives; where memory runs out, again from the reference path on, with half of the longest row, and at last
        without float32: the numbers of a base that are not in 4 bits take twice the room there."""
        whole, shortened = self.rows[0], False
        while True:
            try:
                with Perturbed(self.forward.model):
                    if shortened:
                        self._measure()
                    return work()
            except torch.OutOfMemoryError:
                if len(self.rows[0].ids) <= SHORTEST_PIECE and not self.exact:
                    raise
            self.forward.revert_optimizations()
            torch.cuda.empty_cache()  # only here, after the traceback and with it the tensors are gone
            shortened, row = True, self.rows[0]
            if len(row.ids) <= SHORTEST_PIECE:
                self.exact, self.rows[0] = False, whole
            else:
                half = len(row.ids) // 2
                self.rows[0] = Row(row.ids[:half], min(row.skip, half // 2))
            log.warning(
                "self_test: memory ran out, going on with %d of the longest row's %d tokens%s",
                len(self.rows[0].ids),
                self.longest,
                "" if self.exact or self.forward.precision == "float32" else ", compared in 16 bits alone",
            )

    def _measure(self) -> None:
        """The gradients that everything is compared with, and how far the reference path lies from them by rounding."""
        self.rounding = ROUNDING[self.forward.precision]
        with InFloat32(self.forward) if self.exact else nullcontext():
            self.known = self._gradients()
            if self.exact or self.forward.precision == "float32":
                self.forward.model.eval()
                alone = gradients(self.forward, self.rows, [[row] for row in self.rows])
                self.of_neighbours = difference(self.known[0], alone)
        if self.exact:
            self.rounding = self.rounding.worse(self.compare())
        self.most = self.rounding.times(FACTOR)
        log.info("self_test rows=%s rounding=%r", ",".join(str(len(row.ids)) for row in self.rows), str(self.rounding))

    @property
    def finite(self) -> bool:
        """Whether there is anything to compare with; the base's own loss may be no number."""
        return math.isfinite(self.known[0][0])

    @property
    def entangled(self) -> str:
        """How much the reference path says otherwise of a row for the rows beside it; empty where it is no more than rounding.

        No optimization is to blame: rotary embeddings that change with the longest row of a batch do so, and selections of
        tokens. A step would depend on how it is cut.
        """
        of = self.of_neighbours
        return "" if of is None or not self.finite or of.within(APART) else str(of)

    def enable(self, names: Sequence[str] = tuple(OPTIMIZATIONS)) -> list[Optimization]:
        """Enable each optimization that fits this model and passes; says so for each."""
        found: list[Optimization] = self._as_long_as_fits(lambda: [self._enable(name) for name in names])
        return found

    def _enable(self, name: str) -> Optimization:
        reason, difference = self._try(name)
        say = log.warning if reason and self.forward.device.type == "cuda" else log.info
        told = f" reason={reason!r}" if reason else f" differs={str(difference)!r}"
        say("optimization=%s on=%s%s", name, str(not reason).lower(), told)
        return Optimization(name=name, on=not reason, reason=reason, differs=str(difference or ""))

    def _try(self, name: str) -> tuple[str, Difference | None]:
        """(why it cannot be used, how it differs)."""
        undo: Callable[[], None] = _nothing
        difference = None
        try:
            undo = OPTIMIZATIONS[name](self.forward, self.longest)
            difference = self.compare()
            reason = self.verdict(difference)
            if not reason and name == "packed_rows":
                reason = self._untested_window()
        except torch.OutOfMemoryError:
            undo()
            raise
        except Exception as error:  # a private kernel of another version may raise anything; the reference path remains
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
        if reason:
            undo()
            self.forward.model.zero_grad(set_to_none=True)
        else:
            self.forward.undo.append(undo)
        return reason, difference

    def verdict(self, difference: Difference) -> str:
        """Empty where what is enabled now is the same mathematics, and `difference` in 16 bits is no more than rounding."""
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
        """Where the longest row had to be shortened: whether a window lies beyond what was tested."""
        tested = len(self.rows[0].ids)
        windows = {
            module.lora_job_window for module in self.forward.base.modules() if hasattr(module, "lora_job_window")
        }
        if any(tested <= window < self.longest for window in windows):
            return f"memory allows a test on {tested} tokens alone, and attention windows have {sorted(windows)}"
        return ""

    def whole_step(self, budget: int) -> str:
        """Empty where a step as it will be taken, micro-batches of `budget` tokens with its layers computed again, gives the
        reference gradients; else by how much it does not."""
        try:
            with Perturbed(self.forward.model):
                difference = self.compare(budget)
                log.info("whole_step differs=%r", str(difference))
                reason = self._in_float32(budget)
                # in 16 bits, without optimizations, it is the reference path, whose own rounding proves nothing against it
                if self.forward.undo or self.forward.precision == "float32":
                    reason = reason or self._by_rounding(difference)
                return reason
        except torch.OutOfMemoryError:  # in float32; the step itself has been measured to fit
            log.warning("whole_step: memory ran out in the comparison; each optimization was compared by itself")
            return ""

    def compare(self, budget: int = 0) -> Difference:
        found = self._gradients(budget)
        differences = [difference(known, again) for known, again in zip(self.known, found, strict=True)]
        return functools.reduce(Difference.worse, differences)

    def _gradients(self, budget: int = 0) -> list[tuple[float, torch.Tensor]]:
        """Of all rows together in eval mode, then of the longest and a short one alone in train mode: alone, because the
        random numbers of dropout depend on how rows are laid out. The fixed seed is each one's own."""
        forward = self.forward
        forward.model.eval()
        found = [gradients(forward, self.rows, forward.cut(self.rows, budget) if budget else None)]
        forward.model.train()
        for row in self.rows[:2]:
            with torch.random.fork_rng([forward.device] if forward.device.type == "cuda" else []), EqualDropout():
                torch.manual_seed(SEED)
                # PyTorch's fused kernels draw the dropout of attention by themselves, in each dtype differently
                with sdpa_kernel(SDPBackend.MATH) if self.attention_drops else nullcontext():
                    found.append(gradients(forward, [row]))
        forward.model.eval()
        return found
