"""Steps, memory, time and price."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from job.errors import HubUnavailable
from job.plan.cost import CARDS, T4, cost, cost_lines, step_lines
from job.plan.facts import Facts, Found
from job.plan.rows import Expected
from tests.plan.conftest import sample, with_samples

if TYPE_CHECKING:
    from job.modeling.architecture import Architecture  # imports torch


@pytest.mark.light
def test_steps_say_where_warmup_log_lines_and_evaluations_fall(facts: Callable[..., Facts]) -> None:
    known = with_samples(facts(TRAIN_EPOCHS="2", TRAIN_LOG_STEPS="5"), sample())
    assert list(step_lines(known)) == [
        "  exactly 12 optimizer steps of 16 rows; epochs: 2",
        "  1 of them warm up; 2 log lines, 5 evaluations (before the first, every 3, after the last)",
    ]
    assert (
        "; 1 log line, " in list(step_lines(with_samples(facts(TRAIN_EPOCHS="2", TRAIN_LOG_STEPS="10"), sample())))[1]
    )
    unknown = with_samples(facts(DATA_SOURCES="owner/rows"), None)
    assert list(step_lines(unknown)) == ["  epochs: 1, in optimizer steps of 16 rows"]


@pytest.mark.light
def test_without_a_base_nothing_is_estimated(facts: Callable[..., Facts]) -> None:
    known = with_samples(facts(), sample())
    known.base = Found(problem=HubUnavailable("no answer"))
    assert list(cost_lines(known)) == ["  unknown without the base model"]


@pytest.mark.parametrize(
    ("tokens", "line"),
    [
        ("512", "micro-batches of 4,096 tokens, no layer recomputed: 11.5 GiB of 13.4 usable, 8% kept in reserve"),
        (
            "8192",
            "micro-batches of 8,192 tokens, every second layer recomputed: 12.8 GiB of 13.4 usable, 8% kept in reserve",
        ),
        (
            "65536",
            "one row does not fit: 20.0 GiB of 13.4 usable, 8% kept in reserve; lower FINETUNE_TRAIN_MAX_TOKENS",
        ),
    ],
)
def test_a_step_is_cut_until_it_fits_a_t4(
    tokens: str, line: str, facts: Callable[..., Facts], llama_3b: Architecture
) -> None:
    known = with_samples(facts(TRAIN_MAX_TOKENS=tokens), sample(total=None))
    known.base = Found(llama_3b)
    shown = list(cost_lines(known))
    assert shown[0].endswith(line)
    assert shown[1] == "  time: unknown, as the number of steps is"


ROWS = Expected(
    kept=5000,
    certainty="about",
    train_rows=4500,
    eval_rows=500,
    train_texts=4500,
    eval_texts=500,
    steps=282,
    text_tokens=255.0,
)


def test_the_measured_card_gives_the_measured_time(facts: Callable[..., Facts], llama_3b: Architecture) -> None:
    """An H200 took 0.147 s for a step of 16 rows of this length, which its kernels alone would have made in 0.121 s."""
    settings = facts().settings
    h100 = next(card for card in CARDS if card.name == "H100")
    found = cost(llama_3b, settings, ROWS, h100)
    assert found
    assert found.training == pytest.approx(282 * 0.147, rel=0.01)
    assert found.total == found.cleaning + found.training + found.evaluations + found.other


def test_a_t4_takes_as_long_as_its_rate_under_load_says(facts: Callable[..., Facts], llama_3b: Architecture) -> None:
    """35.6 ms for 1,000 tokens at 790 TFLOP/s, on a card that holds 24 of its 65; layers that are recomputed cost more."""
    known = facts()
    found = cost(llama_3b, known.settings, ROWS, T4)
    assert found
    assert found.tokens_per_second == pytest.approx(1e6 / (35.6 * 790 / 24.05), rel=0.01)
    longer = cost(llama_3b, facts(TRAIN_MAX_TOKENS="8192").settings, ROWS, T4)
    assert longer and longer.training == pytest.approx(1.22 * found.training)
    float32 = cost(llama_3b, facts(TRAIN_PRECISION="float32", TRAIN_MAX_TOKENS="512").settings, ROWS, T4)
    assert float32 and float32.training > 2.9 * found.training


def test_faster_cards_take_less_time_and_the_price_follows(facts: Callable[..., Facts], llama_3b: Architecture) -> None:
    known = with_samples(facts(), sample(rows=200, total=5000))
    known.base, known.price = Found(llama_3b), 0.5
    seconds = []
    for card in CARDS:
        known.named_card = card
        known.__dict__.pop("cost", None)
        found = known.cost.value
        assert found
        seconds.append(found.training)
        assert f"  price: about {found.total / 7200:.2f}, at 0.5 an hour" in list(cost_lines(known))
    assert seconds == sorted(seconds, reverse=True)
    assert len(set(seconds)) == len(CARDS)
