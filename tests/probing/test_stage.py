"""How the choice, the figures and the verdict follow from what the models say, and what is written. Whole runs are in
tests/jobs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from job.modeling.batching import Row
from job.modeling.generation import Answer
from job.probing import measuring, stage, tuned
from job.probing.losses import HeldOut
from job.probing.measuring import Probe
from job.probing.questions import Question
from job.probing.stage import measure
from job.results import TrainedAdapter
from job.settings.fields import ProbeSettings, TrainSettings
from tests.sample_results import TRAINED

PROSE = "Ferns need shade and water, and in winter they rest for some weeks."
LOOP = "Water it well. " * 40
STEPS = (10, 20, 30)


def held_out(count: int) -> list[HeldOut]:
    return [HeldOut(number, number, (Row((1, 2, 3), ((1, 3),)),)) for number in range(count)]


@pytest.fixture
def probing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Probe]:
    """A probe of models that say what the test wants: step -> (loss, answer); 0 is the base."""

    def make(says: Mapping[int, tuple[float, str]], *, rows: int, fixed: int = 0) -> Probe:
        carried = [max(STEPS)]

        def models_of(models: Mapping[str, Any]) -> dict[str, tuple[float, str]]:
            found = {}
            for name, enter in models.items():
                with enter():
                    found[name] = says[0 if name == "base" else carried[0]]
            return found

        def load(model: Any, path: Path) -> None:
            carried[0] = int(path.stem)

        def losses(model: Any, pad: int, rows: Sequence[HeldOut], models: Any, **_: Any) -> dict[str, list[float]]:
            return {
                name: [loss + 0.01 * (row.row % 7) for row in rows] for name, (loss, _) in models_of(models).items()
            }

        def answers(model: Any, chat: Any, prompts: Sequence[Any], settings: Any, models: Any, **_: Any) -> Any:
            return {
                name: [Answer(text, 20, text != LOOP) for _ in prompts] for name, (_, text) in models_of(models).items()
            }

        monkeypatch.setattr(tuned, "load_lora_tensors", load)
        for name, function in (("mean_losses", losses), ("answer_all", answers)):
            monkeypatch.setattr(measuring, name, function)
        monkeypatch.setattr(stage, "general_rows", lambda *_, **__: None)
        questions = [Question(f"How {n}?", "", "", "question") for n in range(fixed)]
        questions += [Question(f"Why {n}?", "", PROSE, "eval_row", number=n) for n in range(rows)]
        held = held_out(rows)
        return Probe(
            tuned=tuned.Tuned(SimpleNamespace(disable_adapter=nullcontext)),
            chat=SimpleNamespace(tokenizer=SimpleNamespace(pad_token_id=0)),  # type: ignore[arg-type]
            settings=ProbeSettings(),
            seed=1,
            questions=questions,
            prompts=[[1]] * len(questions),
            rows=held,
            halves=stage._halves(questions, held, trained(), 1),
            look=lambda: None,
            until=0.0,
        )

    return make


def trained(**changes: Any) -> Any:
    candidates = [TrainedAdapter(step=step, eval_loss=2 - step / 100, path=f"train/best/{step}") for step in STEPS]
    return TRAINED.model_copy(update={"candidates": candidates, "best_step": max(STEPS)} | changes)


def test_the_checkpoint_with_the_best_answers_is_chosen_on_one_half_and_judged_on_the_other(
    probing: Callable[..., Probe], tmp_path: Path
) -> None:
    """The public write-up's week 4: the lowest loss, and lists without end."""
    says = {0: (2.0, PROSE), 10: (1.6, PROSE + " So."), 20: (1.5, PROSE + " Yes."), 30: (1.2, LOOP)}
    found = measure(probing(says, rows=200), trained(), tmp_path)
    assert found.chosen.step == 20
    assert [one.chosen for one in found.candidates] == [False, True, False]
    assert [round(one.loss or 0, 1) for one in found.candidates] == [1.6, 1.5, 1.2]
    assert found.candidates[2].scores["broken_share"] == 1
    assert found.verdict.value == "better"
    assert len(found.samples) == len(found.losses) == 200
    confirming = [one for one in found.samples if one.half == "confirmation"]
    assert 80 < len(confirming) < 120
    assert found.verdict.gain
    assert found.verdict.gain.rows == len(confirming)
    assert {one.tuned for one in found.samples} == {PROSE + " Yes."}


def test_where_every_checkpoint_is_ruined_the_verdict_says_so(probing: Callable[..., Probe], tmp_path: Path) -> None:
    says = {0: (2.0, PROSE), 10: (1.6, LOOP), 20: (1.5, LOOP), 30: (1.2, LOOP)}
    assert measure(probing(says, rows=200), trained(), tmp_path).verdict.value == "worse"


def test_with_few_rows_the_lowest_loss_is_taken_and_all_rows_confirm(
    probing: Callable[..., Probe], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "job")
    says = {0: (2.0, PROSE), 10: (1.6, PROSE), 20: (1.5, PROSE), 30: (1.2, "Shade, and water: that is all.")}
    found = measure(probing(says, rows=60, fixed=5), trained(), tmp_path)
    assert found.chosen.step == 30
    assert {one.loss for one in found.candidates} == {None}
    assert len(found.samples) == 65
    assert {one.half for one in found.samples} == {"confirmation"}
    assert found.verdict.gain
    assert found.verdict.gain.rows == 60
    assert "stage=probe halves=false: 60 questions of held-out rows, and 100 are the fewest" in caplog.text


def test_fixed_questions_choose_nothing(probing: Callable[..., Probe]) -> None:
    says = dict.fromkeys((0, *STEPS), (2.0, PROSE))
    probe = probing(says, rows=200, fixed=5)
    assert {probe.half(question) for question in probe.questions[:5]} == {"confirmation"}
    assert {probe.half(question) for question in probe.questions[5:]} == {"choice", "confirmation"}


def test_questions_without_an_answer_in_time_are_counted(
    probing: Callable[..., Probe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = probing({0: (2.0, PROSE), **dict.fromkeys(STEPS, (1.2, PROSE + " So."))}, rows=60)
    monkeypatch.setattr(
        measuring,
        "answer_all",
        lambda _, __, prompts, ___, models, **____: {name: [None] * len(prompts) for name in models},
    )
    verdict = measure(probe, trained(), tmp_path).verdict
    assert "60 questions had no answer within FINETUNE_PROBE_MINUTES" in verdict.sentence


def test_a_model_that_fills_several_cards_is_asked_by_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("job.hosts.cards.CARDS", ["3", "5", "7"])
    whole: Any = SimpleNamespace(device=torch.device("cuda", 0))
    parted: Any = SimpleNamespace(
        hf_device_map={"layers.0": torch.device("cuda", 0), "layers.1": torch.device("cuda", 1)}
    )
    assert stage._cards(tuned.Tuned(whole), TrainSettings(), 99) == ["3", "5", "7"]
    assert stage._cards(tuned.Tuned(parted), TrainSettings(), 99) == ["3"]


def test_the_kind_is_that_of_all_held_out_rows() -> None:
    rows = [{"question": f"Which {n}?", "system": "", "answer": "ivy" if n % 2 else "fern"} for n in range(20)]
    kind = stage._kind(rows)
    assert kind and kind.texts == {"ivy", "fern"}
    assert stage._kind([row | {"answer": f"{PROSE} {n}"} for n, row in enumerate(rows)]) is None


def test_a_training_without_gradients_is_no_better(probing: Callable[..., Probe], tmp_path: Path) -> None:
    says = {0: (2.0, PROSE), **dict.fromkeys(STEPS, (1.2, PROSE + " So."))}
    found = measure(probing(says, rows=200), trained(zero_gradients=True), tmp_path)
    assert found.verdict.value == "no better"
