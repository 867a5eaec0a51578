"""What the sections and the problems of a plan are made from, each found out once, when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Generic, TypeVar

from job.errors import HubUnavailable, JobError
from job.hosts.main_memory import LIBRARIES_BYTES, require_main_memory
from job.modeling.sizes import Sizes, architecture_of, sizes
from job.plan.cost import T4, Card, Cost, cost
from job.plan.rows import Expected, Sample, expected, take
from job.results import Pin
from job.runs import pins
from job.settings.fields import Settings
from job.settings.sources import Source

if TYPE_CHECKING:
    from job.modeling.architecture import Architecture
    from job.modeling.chat import Chat

T = TypeVar("T")
ELSEWHERE = "End other processes, give the container more memory, or plan on a larger machine."
STILL_SECONDS = 20
"""A Hub that does not answer is waited for so long, once: a plan can do without."""


@dataclass(frozen=True)
class Found(Generic[T]):
    """A fact, or the reason why it is not known."""

    value: T | None = None
    problem: JobError | None = None

    @classmethod
    def of(cls, call: Callable[[], T]) -> Found[T]:
        try:
            return cls(call())
        except JobError as error:
            return cls(problem=error)


@dataclass
class Facts:
    settings: Settings
    token: str
    origin: dict[str, str]
    """Variable -> where its value came from; defaults are not in it."""
    named_card: Card | None = None
    price: float = 0.0
    """Of an hour on the machine, in any currency; 0 if unknown."""
    gpus: int = 1
    """Of one host."""

    @property
    def card(self) -> Card:
        return self.named_card or T4

    @property
    def hardware(self) -> str:
        return f"an NVIDIA {self.card.name}" if self.gpus == 1 else f"{self.gpus} NVIDIA {self.card.name} in one host"

    @cached_property
    def pins(self) -> list[Pin]:
        """The commits that the run in the output folder keeps to; a new run finds its own."""
        return pins.read(self.settings.output_dir)

    @cached_property
    def pinned(self) -> Settings:
        return pins.pinned(self.settings, self.pins)

    @cached_property
    def base(self) -> Found[Architecture]:
        self._bound_the_hub()
        return Found.of(self._architecture)

    def _architecture(self) -> Architecture:
        _require_room_for_libraries()
        return architecture_of(self.pinned, self.token)

    @cached_property
    def sizes(self) -> Found[Sizes]:
        """Of adapter and run; without a value if the base has none."""
        base = self.base.value
        return Found.of(lambda: sizes(base, self.settings)) if base else Found()

    @cached_property
    def chat(self) -> Chat | None:
        """The base model's tokenizer with its template, if both can be had now."""
        if not self.base.value:
            return None
        from job.modeling.chat import Chat
        from job.modeling.files import fetch_files
        from job.modeling.tokenizer import load_tokenizer

        model = self.pinned.model
        return Found.of(lambda: Chat(load_tokenizer(fetch_files(model, self.token, weights=False), model))).value

    @cached_property
    def samples(self) -> list[tuple[Source, Found[Sample]]]:
        """What a sample of each source holds, or why it cannot be read."""
        self._bound_the_hub()
        sources = self.pinned.data.sources
        return [(source, Found.of(partial(self._sample, source))) for source in sources]

    def _sample(self, source: Source) -> Sample:
        _require_room_for_libraries()
        return take(source, self.pinned, self.token, self.chat)

    @cached_property
    def expected(self) -> Expected:
        """Of the sources that can be read, now or by the run; the others end it."""
        wanted = [
            (source, found.value)
            for source, found in self.samples
            if found.value or isinstance(found.problem, HubUnavailable)
        ]
        return expected(wanted, self.settings)

    @cached_property
    def cost(self) -> Found[Cost | None]:
        base = self.base.value
        return Found.of(lambda: cost(base, self.settings, self.expected, self.card, self.gpus)) if base else Found()

    def _bound_the_hub(self) -> None:
        if self.settings.uses_hub:
            from job.hosts.patience import Limits, set_limits

            set_limits(Limits(still_seconds=STILL_SECONDS))


def _require_room_for_libraries() -> None:
    """Raises HostUnfit (68) where the kernel would kill the plan without a word, as it imports them."""
    require_main_memory(LIBRARIES_BYTES, "loading PyTorch", ELSEWHERE)
