"""Which card gets which layers of a base that one card does not hold, and that a model in parts is the same model."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate.utils import check_device_map

from job.errors import HostUnfit, MemoryExhausted
from job.modeling import spread
from job.modeling.architecture import Architecture
from job.modeling.base import load_base
from job.modeling.decoding import _select
from job.modeling.files import BaseFiles
from job.modeling.memory import GIB, RESERVE_SHARE, T4_BYTES
from job.modeling.nf4 import four_bit_layers
from job.modeling.room import answer_bytes, devices_of
from job.modeling.spread import Block, blocks, empty, is_spread, one_card_holds, placed, placement
from job.modeling.tokenizer import load_tokenizer
from job.modeling.unpacked import unpacked_bytes
from job.settings.fields import ModelSettings
from tests.conftest import LLAMA_3B, make_base
from tests.families import FAMILIES, Family, make_family_base
from tests.modeling.two_cards import fake_logits, halves, two_cards

EMBEDDING, LAYERS, HEAD = Block("embedding", 4), [Block(f"layer {n}", 2) for n in range(4)], Block("head", 4)
MODEL = [EMBEDDING, *LAYERS, HEAD]
"""16 bytes."""


def cards(parts: list[Block], *room: int) -> str:
    """The card of each part, in their order."""
    found = placed(parts, room)
    return "".join(str(found[part.name]) for part in parts) if found else "no"


# --- the map ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("room", "found"),
    [
        ((99, 99), "000111"),
        ((99, 99, 99), "001112"),
        ((8, 8), "000111"),
        ((12, 4), "000001"),
        ((10, 12), "000111"),
        ((6, 99), "111111"),
        ((6, 11), "001111"),
        ((99, 3, 99), "000222"),
        ((8, 7), "no"),
        ((3, 15), "no"),
        ((5, 5, 5), "no"),
        ((-7, -7), "no"),
    ],
    ids=str,
)
def test_whole_layers_go_to_the_cards_in_their_order_so_that_the_fullest_keeps_most(
    room: tuple[int, ...], found: str
) -> None:
    """Together 15 bytes are free in some that do not fit: no layer is cut, and none goes back to an earlier card."""
    assert cards(MODEL, *room) == found


def test_a_head_that_is_the_embedding_is_where_that_is_and_takes_nothing() -> None:
    tied = [EMBEDDING, *LAYERS, Block("head", 0, beside="embedding")]
    assert cards(tied, 6, 6) == "001110"
    assert cards(tied, 2, 12) == "111111"


def test_what_has_no_weights_is_where_its_results_begin() -> None:
    """Angles of positions go into every layer, and are made of the embedding's output."""
    assert cards([*MODEL[:-1], Block("angles", 0), HEAD], 8, 8) == "0001101"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_weight_of_every_family_has_its_card(family: Family, tmp_path: Path) -> None:
    base = Architecture.read(make_family_base(tmp_path, family), "base")
    parts = blocks(base.model, 2)
    assert sum(part.bytes for part in parts) == pytest.approx(base.weight_bytes(2), rel=1e-3)
    check_device_map(base.model, halves(tmp_path, 2))
    assert len([part for part in parts if part.name.rpartition(".")[2].isdecimal()]) >= 2, "its layers"


@pytest.mark.parametrize(("card", "fewest"), [(T4_BYTES, 4), (22 * GIB, 3), (80 * 10**9, 1)], ids=["T4", "L4", "H100"])
def test_a_70b_takes_four_t4s_or_three_l4s(card: int, fewest: int, llama_70b: Architecture) -> None:
    """Each with its reserve, and with room for the embedding once more."""
    parts = blocks(llama_70b.model, 2)
    assert llama_70b.weight_bytes(2) / 1e9 == pytest.approx(42.7, abs=0.1)
    room = int((1 - RESERVE_SHARE) * card) - 128_256 * 8192 * 2
    found = placed(parts, [room] * fewest)
    assert found and placed(parts, [room] * (fewest - 1) or [0]) is None
    layers = [found[f"model.layers.{number}"] for number in range(80)]
    assert layers == sorted(layers) and set(layers) == set(range(fewest))
    assert (found["model.embed_tokens"], found["lm_head"]) == (0, fewest - 1)


@pytest.fixture(scope="module")
def llama_70b(tmp_path_factory: pytest.TempPathFactory) -> Architecture:
    shape = {"hidden_size": 8192, "num_hidden_layers": 80, "num_attention_heads": 64, "intermediate_size": 28672}
    folder = tmp_path_factory.mktemp("llama-70b")
    (folder / "config.json").write_text(json.dumps(LLAMA_3B | shape | {"tie_word_embeddings": False}), "utf-8")
    return Architecture.read(folder, "llama-70b")


# --- this machine ----------------------------------------------------------------------------------------------------


@pytest.fixture
def on_cards(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes torch say that there are so many cards, with so much room; returns those that were looked at."""

    def make(*room: int) -> list[int]:
        def looked(device: torch.device) -> int:
            seen.append(device.index)
            return room[device.index]

        seen: list[int] = []
        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(room))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(room))
        monkeypatch.setattr(spread, "room_bytes", looked)
        return seen

    return make


def test_one_card_holds_it_or_all_that_are_seen(base: Path, on_cards: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    files = BaseFiles(base, "tiny", "")
    size = Architecture.read(base, "tiny").weight_bytes(2)
    monkeypatch.setattr(spread, "WORKING_BYTES", 0)
    extended = Architecture.read(base, "tiny").model.get_input_embeddings().weight.numel() * 2
    on_cards()
    assert placement(files, torch.bfloat16) == {"": "cpu"}
    assert on_cards(10) == [] and placement(files, torch.bfloat16) == {"": 0}, "as it was: loading says what is wrong"
    seen = on_cards(size + extended, 10**9)
    assert placement(files, torch.bfloat16) == {"": 0}
    assert seen == [0], "to look at another card takes memory of it"
    on_cards(size + extended - 1, size + extended - 1)
    assert set(placement(files, torch.bfloat16).values()) == {0, 1}
    on_cards(size + extended - 1, 10**9)
    assert set(placement(files, torch.bfloat16).values()) == {1}, "another one alone holds it, and is not the first"
    assert one_card_holds(5, size) and one_card_holds(extended - 1, size) and not one_card_holds(extended, size)


def test_a_base_that_all_cards_together_do_not_hold_is_62_with_what_would_help(base: Path, on_cards: Any) -> None:
    on_cards(GIB + 100, GIB + 10**5, -5)
    with pytest.raises(
        MemoryExhausted, match=r"tiny takes .* do not fit the 3 GPUs .* room for 1.1, 1.1, 0.0 GB and keep 1.1 GB"
    ) as no:
        placement(BaseFiles(base, "tiny", ""), torch.bfloat16)
    assert "FINETUNE_TRAIN_DEVICES=auto" in no.value.remedy and "FINETUNE_MODEL_BASE" in no.value.remedy


# --- a model in parts ------------------------------------------------------------------------------------------------


def loaded(folder: Path, *, spread: bool) -> Any:
    settings = ModelSettings(base=str(folder))
    files = BaseFiles(folder, "tiny", "")
    return load_base(files, load_tokenizer(files, settings), torch.float32, spread=spread)


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("deep"), num_hidden_layers=6, tie_word_embeddings=False)


BEYOND_FAKES = {"qwen3_moe": "its experts ask the driver", "mixtral": "the same", "gemma3": "it looks at token ids"}


@pytest.mark.parametrize("family", [one for one in FAMILIES if one.name not in BEYOND_FAKES], ids=lambda one: one.name)
def test_in_no_family_tensors_of_two_cards_meet(family: Family, tmp_path: Path) -> None:
    """With PyTorch's fake tensors, which have a device and no numbers. Without accelerate's hooks they do meet."""
    make_family_base(tmp_path, family)
    cards = halves(tmp_path, 2)
    assert set(cards.values()) == {0, 1}
    assert fake_logits(tmp_path, cards, hooked=True).device == torch.device("cuda", 0)
    with pytest.raises(RuntimeError, match="same device"):
        fake_logits(tmp_path, cards, hooked=False)


def test_it_computes_the_same_and_knows_its_cards(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = loaded(deep, spread=True)
    two_cards(monkeypatch)
    parted = loaded(deep, spread=True)
    ids = torch.arange(5, 25).unsqueeze(0)
    with torch.no_grad():
        assert torch.equal(whole(input_ids=ids).logits, parted(input_ids=ids).logits)
    assert (is_spread(whole), is_spread(parted), is_spread(loaded(deep, spread=False))) == (False, True, False)
    assert len(devices_of(parted)) == 2 and devices_of(whole) == [torch.device("cpu")]
    assert len(parted.get_input_embeddings().weight) == len(whole.get_input_embeddings().weight), "with the new token"


def test_the_card_with_most_layers_has_most_keys_and_values(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = loaded(deep, spread=True)
    two_cards(monkeypatch)
    parted = loaded(deep, spread=True)
    one, two = answer_bytes(whole), answer_bytes(parted)
    assert one and two and one[1:] == two[1:]
    layers = [name for name, device in parted.hf_device_map.items() if ".layers." in name and device.index is None]
    assert two[0] * 6 == one[0] * max(len(layers), 6 - len(layers)) < one[0] * 6


def test_layers_that_pass_something_on_unseen_are_refused_on_several_cards(
    deep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_cards(monkeypatch)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("Expected all tensors to be on the same device, but found at least two")

    monkeypatch.setattr("transformers.LlamaForCausalLM.forward", fail)
    with pytest.raises(
        HostUnfit, match="tiny does not fit one GPU, and transformers cannot compute it with its layers on"
    ):
        loaded(deep, spread=True)


def test_an_empty_model_holds_nothing(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two_cards(monkeypatch)
    model = loaded(deep, spread=True)
    held = [model]
    before = sum(parameter.nbytes for parameter in model.parameters())
    empty(model)
    assert before > 100_000 and not sum(parameter.nbytes for parameter in held[0].parameters())
    layer = model.model.layers[0].mlp.up_proj
    assert layer.weight.quant_state is None and layer.quant_state is None


def test_rows_leave_each_card_by_numbers_on_that_card() -> None:
    """Those of another card are refused. `meta` is a device that is here."""

    class Layer:
        def __init__(self, device: str) -> None:
            self.keys = torch.empty(3, device=device) if device else None

        def batch_select_indices(self, rows: torch.Tensor) -> None:
            self.device = rows.device.type

    cache: Any = SimpleNamespace(layers=[Layer("cpu"), Layer("meta"), Layer("")])
    _select(cache, torch.tensor([0, 2]))
    assert [layer.device for layer in cache.layers] == ["cpu", "meta", "cpu"]


def test_unpacked_weights_count_where_most_of_them_are(deep: Path) -> None:
    model = loaded(deep, spread=False)
    whole = unpacked_bytes(model)
    for layer in model.model.layers[:2]:
        for module in four_bit_layers(layer):
            module.weight = torch.nn.Parameter(module.weight.data.to("meta"), requires_grad=False)
    assert unpacked_bytes(model) * 6 == whole * 4
