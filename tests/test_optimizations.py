"""Each optimization gives what the reference path gives: the same loss and the same gradients of the adapter. Real NF4 on the
CPU; the tests marked gpu run the same on a card, in 16 bits, with the kernels that a T4 and a newer GPU would take."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from job.modeling.base import guard_attention, load_base
from job.modeling.chat import Chat
from job.modeling.files import BaseFiles, fetch_files
from job.modeling.precision import DTYPES
from job.modeling.tokenizer import load_tokenizer
from job.settings.fields import LoraSettings, ModelSettings
from job.settings.files import QUICKSTART
from job.training.adapter import attach
from job.training.batching import Row, cut, pack, pad
from job.training.forward import Forward
from job.training.optimizations import attention
from job.training.optimizations.comparison import Perturbed, gradients
from job.training.optimizations.head import SLICE, HeadLoss
from job.training.optimizations.registry import OPTIMIZATIONS
from job.training.optimizations.self_test import SelfTest

LONGEST = 200


def forward_of(base: Path, precision: str = "float32", **lora: Any) -> Forward:
    model = ModelSettings(base=str(base))
    files = fetch_files(model, "", weights=True)
    tokenizer = load_tokenizer(files, model)
    loaded = load_base(files, tokenizer, DTYPES[precision])
    settings = LoraSettings(**({"targets": ("all-linear",), "dropout": 0.0} | lora))
    return Forward(attach(loaded, settings, 1, str(base)), precision=precision, pad_token=tokenizer.pad_token_id)


def make_rows(count: int, longest: int = 60, seed: int = 3) -> list[Row]:
    numbers = random.Random(seed)
    rows = []
    for _ in range(count):
        ids = [numbers.randrange(5, 200) for _ in range(numbers.randrange(5, longest))]
        rows.append(Row(ids, numbers.randrange(len(ids) - 2)))
    return rows


@pytest.fixture(scope="module")
def forward(base: Path) -> Iterator[Forward]:
    """With random values in the adapter, so that nothing is multiplied by zero; no dropout."""
    made = forward_of(base)
    with Perturbed(made.model):
        yield made


@pytest.fixture
def with_optimizations(forward: Forward) -> Iterator[Callable[..., Forward]]:
    def switch(*names: str) -> Forward:
        for name in names:
            forward.undo.append(OPTIMIZATIONS[name](forward, LONGEST))
        return forward

    yield switch
    forward.revert_optimizations()


def differences(a: tuple[float, torch.Tensor], b: tuple[float, torch.Tensor]) -> tuple[float, float]:
    return abs(a[0] - b[0]) / abs(a[0]), float((a[1] - b[1]).norm() / a[1].norm())


# --- batching --------------------------------------------------------------------------------------------------------


def test_every_row_is_in_one_micro_batch_and_none_is_over_the_budget() -> None:
    lengths = [len(row.ids) for row in make_rows(40)]
    for budget in (60, 100, 1000, 10**6):
        for padded in (False, True):
            bins = cut(lengths, budget, padded=padded)
            assert sorted(number for numbers in bins for number in numbers) == list(range(40))
            for numbers in bins:
                longest = max(lengths[number] for number in numbers)
                cost = longest * len(numbers) if padded else sum(lengths[number] for number in numbers)
                assert cost <= budget
    assert cut([500, 3, 3], 100) == [[0], [1, 2]], "a row over the budget is alone, not lost"


def test_packed_rows_keep_their_positions_and_predict_only_their_own_next_token() -> None:
    batch = pack([Row([11, 12, 13], 2), Row([21, 22], 0)], torch.device("cpu"))
    assert batch.ids.tolist() == [[11, 12, 13, 21, 22]]
    assert batch.positions.tolist() == [[0, 1, 2, 0, 1]]
    assert batch.starts.tolist() == [0, 3, 5]
    assert batch.predicting.tolist() == [1, 3]  # 12 -> 13, 21 -> 22; never 13 -> 21
    assert batch.targets.tolist() == [13, 22]


def test_padding_is_neither_seen_nor_learned() -> None:
    batch = pad([Row([11, 12, 13], 2), Row([21], 0)], 7, torch.device("cpu"))
    assert batch.ids.tolist() == [[11, 12, 13], [21, 7, 7]]
    assert batch.mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch.labels.tolist() == [[-100, -100, 13], [21, -100, -100]]


# --- the same numbers ------------------------------------------------------------------------------------------------


def test_gradients_of_16_rows_do_not_depend_on_how_they_are_cut(with_optimizations: Callable[..., Forward]) -> None:
    forward = with_optimizations("packed_rows", "sliced_head", "lora4bit")
    rows = make_rows(16)
    whole = gradients(forward, rows)
    for budget in (60, 130, 400):
        parts = [gradients(forward, micro_batch) for micro_batch in forward.cut(rows, budget)]
        assert len(parts) > 1
        summed = (sum(part[0] for part in parts), torch.stack([part[1] for part in parts]).sum(0))
        loss, gradient = differences(whole, summed)
        assert loss < 1e-6
        assert gradient < 1e-6


def test_the_order_of_micro_batches_does_not_matter_either(with_optimizations: Callable[..., Forward]) -> None:
    forward = with_optimizations("packed_rows", "sliced_head", "lora4bit")
    rows = make_rows(16)
    parts = forward.cut(rows, 130)
    assert len(parts) > 3
    loss, gradient = differences(gradients(forward, rows, parts), gradients(forward, rows, parts[::-1]))
    assert loss < 1e-6
    assert gradient < 1e-6


def test_with_dropout_another_cut_is_another_draw(capsys: pytest.CaptureFixture[str]) -> None:
    """The training page states by how much, in the first step on the embedded base and rows: `-k another_draw` prints it."""
    forward = forward_of(QUICKSTART / "base", dropout=0.05, targets=("auto",))
    chat = Chat(load_tokenizer(BaseFiles(QUICKSTART / "base", "quickstart", ""), ModelSettings(base="quickstart")))
    lines = (QUICKSTART / "rows.jsonl").read_text("utf-8").splitlines()[:16]
    asked = [{"system": "", "question": row["input"], "answer": row["output"]} for row in map(json.loads, lines)]
    rows = [Row.of(tokens, "answer") for tokens in chat.rows(asked)]
    forward.undo.append(OPTIMIZATIONS["packed_rows"](forward, max(len(row.ids) for row in rows)))
    found = {}
    forward.model.train()
    for name, budget, seed in (("whole", 10**6, 1), ("again", 10**6, 1), ("cut", 600, 1), ("seed", 10**6, 2)):
        torch.manual_seed(seed)
        found[name] = gradients(forward, rows, forward.cut(rows, budget))
    assert differences(found["whole"], found["again"]) == (0, 0)
    cut, seed = (differences(found["whole"], found[name])[1] for name in ("cut", "seed"))
    with capsys.disabled():
        print(f"\ngradient of 16 rows at dropout 0.05: another cut {cut:.1%}, another seed {seed:.1%}")
    assert 0.5 * seed < cut < 2 * seed


def test_packed_rows_give_what_padded_rows_give(forward: Forward, with_optimizations: Callable[..., Forward]) -> None:
    rows = make_rows(6)
    padded = gradients(forward, rows)
    loss, gradient = differences(padded, gradients(with_optimizations("packed_rows"), rows))
    assert loss < 1e-6
    assert gradient < 1e-5


@pytest.mark.parametrize("optimization", ["packed_rows", "sliced_head", "lora4bit", "norm"])
def test_an_optimization_gives_what_the_reference_path_gives(
    optimization: str, forward: Forward, with_optimizations: Callable[..., Forward]
) -> None:
    rows = make_rows(5)
    plain = gradients(forward, rows)
    loss, gradient = differences(plain, gradients(with_optimizations(optimization), rows))
    assert loss < 1e-6
    assert gradient < 1e-5


def test_dropout_is_kept_in_the_fused_layer(base: Path) -> None:
    """The same random numbers drop the same elements as PEFT's own layer."""
    forward = forward_of(base, dropout=0.3)
    rows = make_rows(3)
    with Perturbed(forward.model):
        forward.model.train()
        torch.manual_seed(5)
        plain = gradients(forward, rows)
        forward.undo.append(OPTIMIZATIONS["lora4bit"](forward, LONGEST))
        torch.manual_seed(5)
        fused = gradients(forward, rows)
        torch.manual_seed(6)
        other = gradients(forward, rows)
    assert max(differences(plain, fused)) < 1e-5
    assert max(differences(plain, other)) > 1e-3


def test_the_fused_layer_sees_what_the_optimizer_has_just_written(
    forward: Forward, with_optimizations: Callable[..., Forward]
) -> None:
    """Fused optimizers change parameters without raising their version, so a copy kept between steps would go stale."""
    rows = make_rows(3)
    fused = with_optimizations("lora4bit")
    parameters = [parameter for parameter in fused.model.parameters() if parameter.requires_grad]
    before = [parameter.detach().clone() for parameter in parameters]
    first = gradients(fused, rows)
    torch.optim.AdamW(parameters, lr=0.1, fused=True).step()
    after = gradients(fused, rows)
    fused.revert_optimizations()
    assert max(differences(gradients(fused, rows), after)) < 1e-5
    assert differences(first, after)[1] > 1e-2
    with torch.no_grad():
        for parameter, values in zip(parameters, before, strict=True):
            parameter.copy_(values)


def test_a_cache_switched_on_in_the_config_does_not_let_packed_rows_see_each_other(
    forward: Forward, with_optimizations: Callable[..., Forward]
) -> None:
    """transformers drops the mask between packed rows where keys and values are cached."""
    rows = make_rows(4)
    plain = gradients(forward, rows)
    packed = with_optimizations("packed_rows")
    packed.base.config.use_cache = True
    try:
        assert max(differences(plain, gradients(packed, rows))) < 1e-5
    finally:
        packed.base.config.use_cache = False


def test_the_sliced_head_handles_more_positions_than_a_slice() -> None:
    torch.manual_seed(0)
    hidden = torch.randn(SLICE + 37, 16, requires_grad=True)
    weight, targets = torch.randn(50, 16), torch.randint(0, 50, (SLICE + 37,))
    HeadLoss.apply(hidden, weight, targets).mul(0.25).backward()
    known = hidden.grad
    hidden.grad = None
    loss = torch.nn.functional.cross_entropy(hidden @ weight.T, targets, reduction="sum") * 0.25
    loss.backward()
    torch.testing.assert_close(known, hidden.grad)


# --- switched off by itself ------------------------------------------------------------------------------------------


def _wrong(forward: Forward, _: int) -> Callable[[], None]:
    """A head that is wrong by a tenth of a percent."""
    norm = forward.base.get_decoder().norm.weight
    norm.data.mul_(1.001)
    return lambda: norm.data.div_(1.001)


def _broken(_: Forward, __: int) -> Callable[[], None]:
    raise RuntimeError("no kernel image is available for execution on the device\nmore")


@pytest.mark.parametrize(
    ("optimization", "told"), [(_wrong, "differs from the reference path"), (_broken, "RuntimeError: no kernel image")]
)
def test_an_optimization_that_fails_its_self_test_is_taken_back(
    optimization: Callable[[Forward, int], Callable[[], None]],
    told: str,
    forward: Forward,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(OPTIMIZATIONS, "sliced_head", optimization)
    rows = make_rows(3)
    plain = gradients(forward, rows)
    results = {result.name: result for result in SelfTest(forward, rows).enable()}
    assert not results["sliced_head"].on
    assert told in results["sliced_head"].reason
    assert "\n" not in results["sliced_head"].reason
    assert results["packed_rows"].on and results["lora4bit"].on
    forward.revert_optimizations()
    assert max(differences(plain, gradients(forward, rows))) < 1e-6


def test_the_self_test_leaves_adapter_and_random_numbers_alone(base: Path) -> None:
    forward = forward_of(base)
    before = [parameter.detach().clone() for parameter in forward.model.parameters() if parameter.requires_grad]
    random_state = torch.get_rng_state()
    SelfTest(forward, make_rows(3)).enable()
    after = [parameter for parameter in forward.model.parameters() if parameter.requires_grad]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert torch.equal(random_state, torch.get_rng_state())


def test_a_model_that_caps_attention_stays_on_the_reference_path() -> None:
    config = LlamaConfig(
        vocab_size=32, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    config.attn_logit_softcapping = 50.0
    with pytest.raises(NotImplementedError, match="caps attention"):
        attention.install(LlamaForCausalLM(config), LONGEST)


def test_grouped_queries_are_repeated_below_compute_capability_8(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers.integrations import sdpa_attention

    monkeypatch.setattr(sdpa_attention, "use_gqa_in_sdpa", sdpa_attention.use_gqa_in_sdpa)
    key = torch.zeros(1, 2, 3, 64)
    guard_attention((8, 0))
    assert sdpa_attention.use_gqa_in_sdpa(None, key, key) is True
    guard_attention((7, 5))
    assert sdpa_attention.use_gqa_in_sdpa(None, key, key) is False


# --- on a card -------------------------------------------------------------------------------------------------------


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("kernel", ["flash", "memory efficient"])
@pytest.mark.parametrize("optimization", list(OPTIMIZATIONS))
def test_an_optimization_gives_what_the_reference_path_gives_on_a_gpu(
    optimization: str, kernel: str, precision: str, tmp_path: Path
) -> None:
    forward = forward_of(_wide_base(tmp_path / "base"), precision, dropout=0.05)
    try:
        torch.backends.cuda.enable_flash_sdp(kernel == "flash")
        (result,) = SelfTest(forward, make_rows(6, longest=120)).enable([optimization])
        print(optimization, kernel, precision, result.differs)
        assert result.on, result.reason
    finally:
        torch.backends.cuda.enable_flash_sdp(True)
        forward.revert_optimizations()


@pytest.mark.gpu
def test_all_optimizations_pass_their_self_test_on_a_gpu(tmp_path: Path) -> None:
    for precision in ("float16", "bfloat16"):
        forward = forward_of(_wide_base(tmp_path / precision), precision)
        assert [result.reason for result in SelfTest(forward, make_rows(3)).enable()] == [""] * len(OPTIMIZATIONS)
        forward.revert_optimizations()


def _wide_base(folder: Path) -> Path:
    """Heads of 64 channels, grouped queries: what the kernels want."""
    from tests.conftest import make_base

    return make_base(folder, hidden_size=256, num_attention_heads=4, num_key_value_heads=2)
