"""What a queue does not offer or cannot carry is refused when the manifest is made."""

from __future__ import annotations

import pytest

from job.errors import SettingsError
from job.submit import TARGETS
from job.submit.files import Named
from job.submit.obstacles import require_possible
from job.submit.submission import Submission
from tests.submit.manifests import NAMES

pytestmark = pytest.mark.light
OFFERED = {
    **{name: {"T4", "L4", "A100", "H100"} for name in NAMES},
    "aws-batch": {"T4", "L4", "H100"},
    "sagemaker": {"T4", "L4", "H100"},
    "azureml": {"T4", "A100", "H100"},
    "huggingface": {"T4", "L4", "A100"},
    "runpod": {"L4", "A100", "H100"},
}
WITHOUT_SPOT = {"docker", "compose", "slurm", "huggingface"}


def problems(target: str, *values: str, card: str = "", spot: bool | None = None, file: str = "") -> tuple[str, ...]:
    job = Submission(
        name="x",
        image="y",
        env=tuple((f"FINETUNE_{number}", value) for number, value in enumerate(values)),
        secrets=(),
        named=(Named("FINETUNE_DATA_SOURCES", file, (file,)),) if file else (),
        card=card,
        spot=spot,
    )
    try:
        require_possible(job, next(one for one in TARGETS if one.name == target))
    except SettingsError as error:
        return error.problems
    return ()


@pytest.mark.parametrize("target", NAMES)
def test_a_card_that_a_platform_does_not_offer_is_refused_with_those_that_it_does(target: str) -> None:
    for card in ("T4", "L4", "A100", "H100"):
        found = problems(target, card=card)
        assert (found == ()) == (card in OFFERED[target])
        if found:
            assert found[0].startswith(f"--gpu {card}: {target} offers ")
            assert all(offered in found[0] for offered in OFFERED[target])


@pytest.mark.parametrize("target", NAMES)
def test_spot_only_where_there_is_any(target: str) -> None:
    assert bool(problems(target, spot=True)) == (target in WITHOUT_SPOT)
    assert problems(target, spot=False) == ()


@pytest.mark.parametrize("target", ["gcp-batch", "vertex"])
def test_google_sells_a_single_h100_on_spot_alone(target: str) -> None:
    assert problems(target, card="H100", spot=False)[0].startswith(f"--no-spot: {target} offers a single H100 on Spot")
    assert problems(target, card="H100", spot=True) == problems(target, card="H100") == ()
    assert problems(target, card="A100", spot=False) == ()


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("huggingface", "a\u2028b"),
        ("sagemaker", "x" * 513),
        ("azureml", "${{inputs.x}}"),
        ("runpod", "{{ RUNPOD_POD_ID }}"),
    ],
)
def test_a_value_that_a_queue_would_change_is_refused(target: str, value: str) -> None:
    (found,) = problems(target, "fine", value)
    assert found.startswith(f"FINETUNE_1: {target} cannot carry this value, because ")
    assert problems("docker", value) == ()


def test_everything_is_reported_together() -> None:
    found = problems("runpod", "{{x}}", card="T4", file="/srv/rows.jsonl")
    assert [one.partition(":")[0] for one in found] == ["--gpu T4", "FINETUNE_0", "FINETUNE_DATA_SOURCES"]
