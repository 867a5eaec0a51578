"""How the workers of a run hold the base, decided by prediction: each of them all of it, or a part of each decoder layer, on
its card or in main memory; and what to change where no way fits. Imports no heavy library, and knows nothing of how layers are
shared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from job.errors import HostUnfit
from job.modeling.memory import GIB, Held, candidates
from job.settings.fields import LoraSettings, TrainSettings

if TYPE_CHECKING:
    from job.modeling.architecture import Architecture

WAYS: dict[str, tuple[Held, ...]] = {
    "none": ("whole",),
    "auto": ("whole", "sharded", "offloaded"),
    "full": ("sharded", "offloaded"),
}
"""FINETUNE_TRAIN_SHARD -> ways, the fastest first: a shared layer is gathered each time it computes, and what is offloaded
comes over PCIe before that."""
GPUS_OF_A_HOST = (2, 4, 8, 16)
FEWEST_TOKENS = 128
"""No shorter rows are proposed."""


@dataclass(frozen=True)
class Fit:
    """A base and the cards of a run's workers."""

    base: Architecture
    train: TrainSettings
    lora: LoraSettings
    workers: int
    usable: int
    """Bytes that each may take of its card."""
    width: int
    """Bytes of a number in the compute dtype."""
    hosts: int = 1
    """On which the workers are, so many on each."""
    main: int = 0
    """Free bytes of a host's main memory; 0 where they are not known, and then they are enough."""

    @property
    def ways(self) -> tuple[Held, ...]:
        return WAYS[self.train.shard] if self.workers > 1 else WAYS["none"]

    @cached_property
    def held(self) -> Held:
        """The first way in which the smallest steps fit. Where none does it is the first of all, and the check before a run
        refuses that."""
        fitting = (way for way in self.ways if self.fits_main(way) and self.need(way) <= self.usable)
        return next(fitting, self.ways[0])

    @property
    def parts(self) -> int:
        """Into which a layer is cut. The workers of a host share it where there are several, so that it crosses no network."""
        of_a_host = self.workers // self.hosts
        return of_a_host if of_a_host > 1 else self.workers

    @property
    def main_need(self) -> int:
        """Of a host's main memory, where a base is shared: one worker reads all of it there, and offloaded layers stay."""
        return self.base.weights(self.width).whole

    def fits_main(self, way: Held) -> bool:
        return way == "whole" or not self.main or self.main_need <= self.main

    def need(self, way: Held, tokens: int = 0) -> int:
        """Peak bytes of the smallest step: one row of `tokens`, by default the most that the settings allow, with every layer
        recomputed. Where the config does not name its sizes, the weights alone."""
        from job.modeling.layers import decoder_layers
        from job.modeling.prediction import predictions

        tokens = tokens or self.train.max_tokens
        last = candidates(tokens, tokens, recomputable=bool(decoder_layers(self.base.model)))[-1]
        (found,) = predictions(self.base, self.lora, [last], width=self.width, held=way, workers=self.parts)
        return found or self.base.weights(self.width).on_a_card(way, self.parts)

    # --- where it does not fit ----------------------------------------------------------------------------------------

    def advice(self) -> str:
        """What would."""
        train = self.train
        if train.shard == "none" and (auto := self._with(shard="auto")).held != "whole":
            return (
                f"Set FINETUNE_TRAIN_SHARD=auto: {self.workers} workers that share the base's layers need about "
                f"{auto.need(auto.held) / GIB:.1f} GiB each."
            )
        said = []
        if tokens := self._fitting_tokens():
            said.append(f"lower FINETUNE_TRAIN_MAX_TOKENS ({tokens:,} would fit)")
        if more := self._enough_gpus():
            rows = f" with FINETUNE_TRAIN_BATCH_SIZE={more} or more" if more > train.batch_size else ""
            devices = "" if train.devices == "auto" else " and FINETUNE_TRAIN_DEVICES=auto"
            said.append(f"use {more} such GPUs in one host{rows}{devices}")
        text = ", ".join([*said, "or use a larger GPU" if said else "use larger GPUs or a smaller FINETUNE_MODEL_BASE"])
        return f"{text[0].upper()}{text[1:]}."

    def _with(self, **train: str) -> Fit:
        return replace(self, train=self.train.model_copy(update=train))

    def _fitting_tokens(self) -> int | None:
        """The first half, quarter, ... of the longest rows that fits in some way."""
        tokens = self.train.max_tokens // 2
        while tokens >= FEWEST_TOKENS:
            if any(self.fits_main(way) and self.need(way, tokens) <= self.usable for way in self.ways):
                return tokens
            tokens //= 2
        return None

    def _enough_gpus(self) -> int | None:
        """On which each holds its part on the card: how much main memory such a host has, nobody knows."""
        if self.train.shard == "none":
            return None
        weights = self.base.weights(self.width)
        for count in GPUS_OF_A_HOST:
            fits = replace(self, workers=count, hosts=1).need("sharded") <= self.usable
            if count > self.workers and fits and weights.whole <= count * self.usable:
                return count
        return None


def require_room_to_load(fit: Fit, cards: int, name: str) -> None:
    """Raises HostUnfit (68) if the base does not fit the GPUs of one host, over which the round-trip check and the probe spread
    its layers. `name`: of these GPUs."""
    size = fit.base.weights(fit.width).whole
    if size <= cards * fit.usable:
        return
    more = next((count for count in GPUS_OF_A_HOST if size <= count * fit.usable), None)
    raise HostUnfit(
        f"{fit.base.name} takes {size / GIB:.1f} GiB in 4 bits, and the GPUs of a host ({cards} x {name}) have "
        f"{cards * fit.usable / GIB:.1f} GiB usable. Training would share the base, but the round-trip check and the probe "
        "load all of it on the GPUs of one host.",
        remedy=f"Use {f'{more} such GPUs in one host' if more else 'larger GPUs'}, or a smaller FINETUNE_MODEL_BASE.",
    )
