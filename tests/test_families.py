"""Every family of README's table through the whole job, on a tiny random base (tests/families.py) and real NF4.

`python -m pytest -k families` prints the table.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from job.modeling.architecture import Architecture
from job.modeling.layers import decoder_layers
from job.modeling.weights import count_weights, quantized_share
from job.settings.fields import LoraSettings
from job.training.memory_plan import MemoryPlan
from job.training.optimizations.comparison import Perturbed, gradients
from job.training.optimizations.self_test import SelfTest
from tests.bench.self_test import forward_of, some_rows
from tests.conftest import PROJECT, metrics_of, small_run
from tests.families import FAMILIES, ON_A_CPU, WINDOW, Family, make_family_base, table


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Family, Path]:
    return request.param, make_family_base(tmp_path_factory.mktemp(request.param.name) / "base", request.param)


@pytest.mark.slow
def test_families_go_through_the_whole_job_or_are_refused_before_it(
    made: tuple[Family, Path],
    rows_file: Path,
    tmp_path: Path,
    command: Callable[..., int],
    capfd: pytest.CaptureFixture[str],
    record_property: Callable[[str, object], None],
) -> None:
    family, base = made
    output = tmp_path / "output"
    variables = small_run(base, rows_file, output, DATA_WORKERS="1", TRAIN_EVAL_STEPS="4")
    if family.refused:
        assert command(variables) == 64
        told = capfd.readouterr().err
        assert "FINETUNE_MODEL_ALLOW_UNQUANTIZED=true" in told
        assert family.refused in told
        assert not (output / "clean.json").exists()
        variables["FINETUNE_MODEL_ALLOW_UNQUANTIZED"] = "true"
    assert command(variables) == 0, capfd.readouterr().err
    metrics = metrics_of(output)
    trained = metrics["train"]
    on = [optimization["name"] for optimization in trained["optimizations"] if optimization["on"]]
    assert on == [name for name in ON_A_CPU if name not in family.off]
    assert trained["best_eval_loss"] < trained["base_eval_loss"]
    assert (trained["quantized_share"] < 0.9) == bool(family.refused)
    assert metrics["clean"]["longest_tokens"] > WINDOW
    loss = f"{trained['base_eval_loss']:.2f} -> {trained['best_eval_loss']:.2f}"
    record_property(
        "families", f"{family.title:<26} {'refused, then ' if family.refused else ''}loss {loss}, {' '.join(on)}"
    )


def test_families_give_the_reference_gradients_on_rows_longer_than_any_window_and_in_every_memory_plan(
    made: tuple[Family, Path],
) -> None:
    family, base = made
    forward = forward_of(base, "float32", targets=("auto",))
    rows = some_rows(12)
    assert max(len(row.ids) for row in rows) > 3 * WINDOW
    test = SelfTest(forward, rows)
    optimizations = {optimization.name: optimization for optimization in test.enable(ON_A_CPU)}
    assert {name for name, optimization in optimizations.items() if not optimization.on} == set(family.off), (
        optimizations
    )
    layers = decoder_layers(forward.base)
    assert len(layers) == 2
    memory_plan = MemoryPlan(forward, rows, batch_size=8, architecture=None, lora=LoraSettings())
    for plan in ("none", "half", "all"):
        memory_plan.place = next(
            place for place, candidate in enumerate(memory_plan.candidates) if candidate.checkpointing == plan
        )
        memory_plan.set_checkpointing()
        assert test.whole_step(memory_plan.candidate.tokens) == ""
        assert _forward_calls(forward, layers, rows) == {"none": [1, 1], "half": [1, 2], "all": [2, 2]}[plan]


def _forward_calls(forward: Any, layers: list[Any], rows: list[Any]) -> list[int]:
    """How often each layer is computed in a training step of one micro-batch, by the calls of its first part: a hook on the
    layer itself is not called again where transformers computes it again."""
    calls = [0] * len(layers)

    def count(number: int) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            calls[number] += 1

        return hook

    parts = [next(layer.children()) for layer in layers]
    hooks = [part.register_forward_pre_hook(count(number)) for number, part in enumerate(parts)]
    with Perturbed(forward.model):
        forward.model.train()
        gradients(forward, rows[:2])
    for hook in hooks:
        hook.remove()
    return calls


def test_families_are_counted_from_the_config_as_they_are_once_loaded(made: tuple[Family, Path]) -> None:
    family, base = made
    planned = Architecture.read(base, family.name)
    loaded = forward_of(base, "float32", targets=("auto",)).base
    for kind in ("4-bit linear", "experts", "linear"):
        found = [sum(c.parameters for c in count_weights(model) if c.kind == kind) for model in (planned.model, loaded)]
        if kind == "linear":  # the loaded model carries the adapter by now
            found[1] -= sum(parameter.numel() for parameter in loaded.parameters() if parameter.requires_grad)
        assert found[0] == found[1], kind
    assert (quantized_share(planned.model) < 0.9) == bool(family.refused)
    assert planned.adapter(LoraSettings()).parameters == sum(
        parameter.numel() for parameter in loaded.parameters() if parameter.requires_grad
    )


def test_families_table_is_in_the_training_page() -> None:
    assert table() in (PROJECT / "job" / "training" / "README.md").read_text("utf-8"), "made by tests.families.table()"
