"""Steps, memory, time and price."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from job.errors import HubUnavailable
from job.plan.cost import CARDS, T4, cost, cost_lines, step_lines
from job.plan.facts import Facts, Found
from job.plan.rows import Expected
from tests.bench import parallel_paper
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
        ("512", "micro-batches of 5,632 tokens, no layer recomputed: 13.1 GiB of 13.4 usable, 8% kept in reserve"),
        (
            "8192",
            "micro-batches of 8,192 tokens, every second layer recomputed: 11.6 GiB of 13.4 usable, 8% kept in reserve",
        ),
        (
            "65536",
            "one row does not fit: 19.3 GiB of 13.4 usable, 8% kept in reserve; lower FINETUNE_TRAIN_MAX_TOKENS",
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
    """An H200 took 0.109 s for a step of 16 rows of this length with CUDA graphs, and 0.149 s without: in a run of a few
    steps, which is not worth their capture."""
    settings = facts().settings
    h100 = next(card for card in CARDS if card.name == "H100")
    found = cost(llama_3b, settings, ROWS, h100)
    assert found
    assert found.training == pytest.approx(282 * 0.109, rel=0.03)
    assert found.step.launching == 0.018, "what the host takes all the same: no step of a tiny base takes less"
    short = cost(llama_3b, settings, replace(ROWS, steps=50), h100)
    assert short and short.training == pytest.approx(50 * 0.149, rel=0.01)
    assert found.total == found.cleaning + found.training + found.evaluations + found.other


def test_a_t4_takes_as_long_as_its_rate_under_load_says(facts: Callable[..., Facts], llama_3b: Architecture) -> None:
    """29.2 ms for 1,000 tokens at 790 TFLOP/s, on a card that holds 24 of its 65; layers that are recomputed cost more."""
    known = facts()
    found = cost(llama_3b, known.settings, ROWS, T4)
    assert found
    assert found.tokens_per_second == pytest.approx(1e6 / (29.2 * 790 / 24.05), rel=0.01)
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


# --- several GPUs of one host ----------------------------------------------------------------------------------------


def shown(known: Facts, base: Architecture, card: str, gpus: int) -> list[str]:
    known.base, known.gpus = Found(base), gpus
    known.named_card = next(one for one in CARDS if one.name == card)
    known.__dict__.pop("cost", None)
    return list(cost_lines(known))


def test_more_gpus_share_a_step_of_a_t4(facts: Callable[..., Facts], llama_3b: Architecture) -> None:
    """The kernels of a share, and the gradient of 36.7 MB over PCIe there and back."""
    known = with_samples(facts(), sample(rows=200, total=5000))
    lines = shown(known, llama_3b, "T4", 8)
    assert lines[0].startswith(
        "  memory on each GPU for the longest rows that the settings allow: micro-batches of 1,024 tokens"
    )
    assert lines[1] == "  each GPU holds the whole base, 2.2 GiB"
    begins = "  a step of 16 rows: about 0.23 s on 8 GPUs, 1.53 s on one; 2 rows a GPU at most: kernels 0.19 s, launches 0.15 s"
    assert lines[2].startswith(begins)
    assert lines[2].endswith("exchange 0.04 s")
    one = shown(known, llama_3b, "T4", 1)
    assert not [line for line in one if "GPU" in line]


def test_each_card_more_takes_less_time_until_launches_set_the_pace(
    facts: Callable[..., Facts], llama_3b: Architecture
) -> None:
    settings = facts().settings
    found = [cost(llama_3b, settings, ROWS, T4, gpus) for gpus in (1, 2, 4, 8, 16)]
    times = [one.training for one in found if one]
    assert times == sorted(times, reverse=True)
    assert times[0] / times[3] == pytest.approx(7.5, abs=0.5)
    h100 = next(card for card in CARDS if card.name == "H100")
    shared = cost(llama_3b, settings, ROWS, h100, 4)
    short = cost(llama_3b, settings, replace(ROWS, steps=10), h100, 4)
    assert shared and shared.shares
    assert short and not short.shares, "as four H200 showed with 16 rows a step, before there were graphs"
    rows = facts(TRAIN_BATCH_SIZE="64").settings
    four, one_card = cost(llama_3b, rows, ROWS, h100, 4), cost(llama_3b, rows, ROWS, h100)
    assert four and one_card and four.shares
    assert 2.5 < one_card.training / four.training < 3.5, "they trained 3.3 times as fast with 64"


def test_the_longest_row_decides_where_each_gpu_has_one(facts: Callable[..., Facts], llama_3b: Architecture) -> None:
    settings = facts().settings
    even = cost(llama_3b, settings, replace(ROWS, lengths=(255,) * 160), T4, 16)
    ragged = cost(llama_3b, settings, replace(ROWS, lengths=(*[238] * 150, *[510] * 10)), T4, 16)
    assert even and ragged
    assert ragged.step.kernels == pytest.approx(2 * even.step.kernels, rel=0.01)


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("Llama 3.2 3B", {"T4": "whole", "L4": "whole", "A100": "whole", "H100": "whole"}),
        ("Llama 3.1 8B", {"T4": "whole", "L4": "whole", "A100": "whole", "H100": "whole"}),
        ("Llama 3.3 70B", {"T4": "offloaded", "L4": "sharded", "A100": "sharded", "H100": "whole"}),
    ],
)
def test_a_plan_for_eight_gpus_says_how_they_hold_the_base(
    name: str, held: dict[str, str], facts: Callable[..., Facts]
) -> None:
    known = with_samples(facts(), sample(rows=200, total=5000))
    base = parallel_paper.base_of(parallel_paper.BASES[name], name)
    words = {
        "whole": "each GPU holds the whole",
        "sharded": "each GPU holds a part",
        "offloaded": "each GPU gathers two",
    }
    for card in CARDS:
        lines = shown(known, base, card.name, 8)
        assert "one row does not fit" not in lines[0]
        assert lines[1].startswith(f"  {words[held[card.name]]}")
        step = next(line for line in lines if " s on 8 GPUs" in line)
        assert ("s on one" in step, "gathers" in step) == (
            (True, False) if held[card.name] == "whole" else (False, True)
        )


def test_where_the_layers_lie_and_what_of_them_is_on_a_card_is_said(facts: Callable[..., Facts]) -> None:
    known = with_samples(facts(), sample(rows=200, total=5000))
    base = parallel_paper.base_of(parallel_paper.SEVENTY_B, "70B")
    sharded, offloaded = shown(known, base, "L4", 8)[1], shown(known, base, "T4", 8)[1]
    assert sharded.endswith("gathers two: of the base 12.7 GiB of its 39.8, which main memory reads first")
    assert (
        offloaded
        == "  each GPU gathers two layers at a time: of the base 8.7 GiB of its 39.8; 31.9 stay in main memory"
    )
    too_few = shown(known, base, "T4", 1)
    assert too_few[0].startswith("  memory: one row does not fit: ")


def test_a_step_waits_for_the_gathers_of_its_layers_where_they_take_longer(facts: Callable[..., Facts]) -> None:
    """70B on 8 L4: 7/8 of 34.2 GB over 16 GB/s, there and back for each micro-batch; evaluations wait as well."""
    base = parallel_paper.base_of(parallel_paper.SEVENTY_B, "70B")
    l4, h100 = (next(card for card in CARDS if card.name == name) for name in ("L4", "H100"))
    few = replace(ROWS, text_tokens=10.0)
    short = cost(base, facts().settings, few, l4, 8)
    assert short and short.alone is None and short.shares
    assert short.step.gathers == pytest.approx(2 * 34.2 * 7 / 8 / 16, rel=0.01)
    assert short.step.gathers > short.step.kernels
    assert short.step.seconds == short.step.gathers + short.step.exchange
    long = cost(base, facts().settings, ROWS, l4, 8)
    assert long and long.step.seconds == long.step.kernels + long.step.exchange
    per_token = [one.evaluations / one.step.workers / tokens for one, tokens in ((short, 10.0), (long, 255.0))]
    assert per_token[0] > 1.5 * per_token[1]
    whole = cost(base, facts().settings, ROWS, h100, 8)
    assert whole and whole.step.gathers == 0 and whole.alone
    full = cost(base, facts(TRAIN_SHARD="full").settings, ROWS, h100, 8)
    assert full and full.step.gathers > 0


def test_gpus_that_stay_idle_are_said(facts: Callable[..., Facts], llama_3b: Architecture) -> None:
    known = with_samples(facts(), sample(rows=200, total=5000))
    assert "  8 of 24 GPUs stay idle: FINETUNE_TRAIN_BATCH_SIZE is 16" in shown(known, llama_3b, "T4", 24)
    known = with_samples(facts(TRAIN_DEVICES="3"), sample(rows=200, total=5000))
    assert "  5 of 8 GPUs stay idle: FINETUNE_TRAIN_DEVICES is 3" in shown(known, llama_3b, "T4", 8)
    alone = shown(with_samples(facts(TRAIN_DEVICES="1"), sample(rows=200, total=5000)), llama_3b, "T4", 8)
    assert "  7 of 8 GPUs stay idle: FINETUNE_TRAIN_DEVICES is 1" in alone
    assert not [line for line in alone if "a step of" in line or "sharing" in line]
    known = with_samples(facts(), sample(rows=200, total=5000))
    poor = "  sharing gains too little: one GPU would train, the others stay idle; more rows a step change that"
    assert poor in shown(known, llama_3b, "H100", 4)
    assert poor not in shown(known, llama_3b, "T4", 4)
    full = with_samples(facts(TRAIN_SHARD="full"), sample(rows=200, total=5000))
    assert poor not in shown(full, llama_3b, "H100", 4), "a run that shares the base measures nothing"
