"""A model whose layers are on several cards answers, predicts and forgets as the whole one does: on a CPU that stands in for
two, with accelerate's hooks on every layer, and on two GPUs where there are two."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from typing import Any

import pytest
import torch

from job.exporting.source import Source
from job.modeling import round_trip
from job.modeling import spread as spreading
from job.modeling.chat import Chat
from job.modeling.memory import GIB
from job.modeling.precision import DTYPES
from job.modeling.room import devices_of
from job.modeling.spread import empty, is_spread
from job.modeling.tokenizer import load_tokenizer
from job.modeling.unpacked import unpacked
from job.probing import forgetting
from job.probing.answers import answer_all, unpacked_where_it_fits
from job.probing.forgetting import general_rows
from job.probing.judge import judge
from job.probing.losses import HeldOut, mean_losses
from job.probing.tuned import Tuned
from job.settings.fields import ModelSettings, ProbeSettings
from tests.conftest import PROJECT, make_base
from tests.exporting.conftest import make_source
from tests.modeling.two_cards import two_cards
from tests.sample_results import SAMPLES
from tests.training.building import random_rows

SETTINGS = ProbeSettings(max_new_tokens=12)
PROMPTS = [[5, 6, 7], list(range(20, 60)), [9, 8], list(range(30, 45))]
ROWS = [HeldOut(place, place, (row,), place) for place, row in enumerate(random_rows(12))]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """A deep base of random numbers and an adapter on it."""
    base = make_base(tmp_path_factory.mktemp("deep"), num_hidden_layers=6)
    return make_source(base, tmp_path_factory.mktemp("adapter") / "adapter")


def load(source: Source, precision: str = "float32") -> tuple[Tuned, Chat]:
    tokenizer = load_tokenizer(source.files, ModelSettings(base=str(source.files.folder)))
    return Tuned.load(source.files, tokenizer, DTYPES[precision], source.adapter), Chat(tokenizer)


def said(tuned: Tuned, chat: Chat) -> dict[str, Any]:
    """What the probe asks of both models, with weights packed and unpacked."""
    models = {"base": tuned.model.disable_adapter, "tuned": nullcontext}
    found: dict[str, Any] = {"packed": answer_all(tuned.model, chat, PROMPTS, SETTINGS, models)}
    with unpacked_where_it_fits(tuned.model, PROMPTS, SETTINGS):
        found["answers"] = answer_all(tuned.model, chat, PROMPTS, SETTINGS, models)
    with unpacked(tuned.model) as is_unpacked:
        found["unpacked"] = (is_unpacked, answer_all(tuned.model, chat, PROMPTS, SETTINGS, models))
    found["losses"] = mean_losses(tuned.model, chat.tokenizer.pad_token_id, ROWS, models)
    found["general"] = general_rows(tuned.model, chat)
    found["judged"] = judge(tuned.model, chat, SAMPLES)
    return found


@pytest.fixture(autouse=True)
def _few_general_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    prompts, choices = forgetting.read()
    monkeypatch.setattr(forgetting, "read", lambda: (prompts[:6], choices[:3]))
    monkeypatch.setattr(forgetting, "UNKNOWN_TEXT", 99.0)


def test_in_parts_it_says_what_the_whole_says(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, chat = load(source)
    two_cards(monkeypatch)
    parted, _ = load(source)
    assert (is_spread(whole.model), is_spread(parted.model)) == (False, True)
    found = said(parted, chat)
    assert found == said(whole, chat)
    assert found["packed"]["base"] != found["packed"]["tuned"], "an adapter that changes nothing shows nothing"
    assert found["general"].base_right and found["unpacked"][0]


def test_its_weights_are_unpacked_where_the_fullest_card_has_room(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_cards(monkeypatch)
    parted, _ = load(source)
    asked: list[tuple[torch.device, ...]] = []

    def room(*devices: torch.device) -> int:
        asked.append(devices)
        return 0

    monkeypatch.setattr("job.probing.answers.room_bytes", room)
    with unpacked_where_it_fits(parted.model, PROMPTS, SETTINGS) as done:
        assert not done
    assert [len(devices) for devices in asked] == [2]


# --- on two GPUs: `python -m pytest -m gpu -n 0 tests/probing/test_spread.py` -----------------------------------------


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on no card holds a base alone, and both have the same room: this base is smaller than what differs."""
    if torch.cuda.device_count() < 2:
        pytest.skip("one GPU here: layers are spread over two")
    monkeypatch.setattr(spreading, "one_card_holds", lambda *_: False)
    monkeypatch.setattr(spreading, "room_bytes", lambda _: 4 * GIB)


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return make_source(PROJECT / "job" / "quickstart" / "base", tmp_path_factory.mktemp("quickstart") / "adapter")


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_on_two_gpus_it_says_what_it_says_on_one(
    quickstart: Source, precision: str, two_gpus: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    parted, chat = load(quickstart, precision)
    assert devices_of(parted.model) == [torch.device("cuda", 0), torch.device("cuda", 1)]
    monkeypatch.setattr(spreading, "one_card_holds", lambda *_: True)
    whole, _ = load(quickstart, precision)
    assert devices_of(whole.model) == [torch.device("cuda", 0)]
    one, two = said(whole, chat), said(parted, chat)
    for name in ("packed", "answers", "unpacked", "judged"):
        assert one[name] == two[name], name
    for model in one["losses"]:
        assert two["losses"][model] == pytest.approx(one["losses"][model], rel=1e-3)
    assert two["general"].kl == pytest.approx(one["general"].kl, rel=1e-2, abs=1e-4)


@pytest.mark.gpu
def test_on_two_gpus_a_fresh_process_loads_it_once_ours_has_gone(
    quickstart: Source, two_gpus: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the model card's code, which sees both cards."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    tuned, chat = load(quickstart)
    trained = quickstart.trained
    saved = "embedding" in trained.adapter_parts_bytes
    expected = round_trip.expected_of(tuned.model, PROMPTS, trained.new_rows if saved else 0)
    for card in (0, 1):
        assert any(parameter.device.index == card for parameter in tuned.model.parameters())
    weights, before = sum(parameter.nbytes for parameter in tuned.model.parameters()), _allocated()
    empty(tuned.model)
    assert before - _allocated() >= 0.9 * weights
    found = round_trip.check(
        expected,
        trained.vocabulary_rows if trained.new_rows else 0,
        quickstart.files,
        quickstart.adapter,
        dtype="float32",
        left_out=chat.tokenizer.pad_token_id if trained.new_rows and not saved else None,
    )
    assert found.max_difference <= found.tolerance


def _allocated() -> int:
    return sum(torch.cuda.memory_allocated(card) for card in (0, 1))


@pytest.mark.gpu
def test_a_process_that_sees_two_gpus_takes_nothing_of_the_second_unless_it_needs_it() -> None:
    """A context of CUDA is half a gigabyte, and other workers may be on that card."""
    if torch.cuda.device_count() < 2:
        pytest.skip("one GPU here: nothing is taken of a second")
    code = (
        "import torch; from pathlib import Path; from job.modeling.files import BaseFiles\n"
        "from job.modeling.base import load_base; from job.modeling.tokenizer import load_tokenizer\n"
        "from job.settings.fields import LoraSettings, ModelSettings; from job.training.adapter import attach\n"
        "folder = Path('job/quickstart/base').resolve(); files = BaseFiles(folder, 'quickstart', '')\n"
        "tokenizer = load_tokenizer(files, ModelSettings(base=str(folder)))\n"
        "model = attach(load_base(files, tokenizer, torch.float16, spread=True), LoraSettings(), 1, 'base')\n"
        "ids = torch.arange(5, 25, device=model.device).unsqueeze(0)\n"
        "model(input_ids=ids, labels=ids).loss.backward(); torch.cuda.get_rng_state_all(); torch.manual_seed(1)\n"
        "torch.cuda.empty_cache(); torch.cuda.synchronize()\n"
        "print(torch.cuda.device_count(), [torch._C._cuda_hasPrimaryContext(card) for card in (0, 1)])"
    )
    child = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    assert child.stdout.split("\n")[-2].endswith("[True, False]"), child.stdout
