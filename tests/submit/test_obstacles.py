"""What a queue does not offer or cannot carry is refused when the manifest is made."""

from __future__ import annotations

import pytest

from job.errors import SettingsError
from job.submit import TARGETS
from job.submit.files import Named
from job.submit.obstacles import require_possible
from job.submit.submission import Submission
from tests.submit.manifests import NAMES, WITH_HOSTS

pytestmark = pytest.mark.light
OFFERED = {
    **{name: {"T4", "L4", "A100", "H100"} for name in NAMES},
    "azureml": {"T4", "A100", "H100"},
    "huggingface": {"T4", "L4", "A100"},
    "runpod": {"L4", "A100", "H100"},
}
AS_EIGHT = {("aws-batch", "A100"), ("sagemaker", "A100")}
WITHOUT_SPOT = {"docker", "compose", "slurm", "huggingface"}


def problems(
    target: str,
    *values: str,
    card: str = "",
    gpus: int = 1,
    nodes: int = 1,
    spot: bool | None = None,
    file: str = "",
) -> tuple[str, ...]:
    job = Submission(
        name="x",
        image="y",
        env=tuple((f"FINETUNE_{number}", value) for number, value in enumerate(values)),
        secrets=(),
        named=(Named("FINETUNE_DATA_SOURCES", file, (file,)),) if file else (),
        card=card,
        gpus=gpus,
        nodes=nodes,
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
        found = problems(target, card=card, gpus=8 if (target, card) in AS_EIGHT else 1)
        assert (found == ()) == (card in OFFERED[target])
        if found:
            assert found[0].startswith(f"--gpu {card}: {target} offers ")
            assert all(offered in found[0] for offered in OFFERED[target])


@pytest.mark.parametrize("target", NAMES)
def test_spot_only_where_there_is_any(target: str) -> None:
    assert bool(problems(target, spot=True)) == (target in WITHOUT_SPOT)
    assert problems(target, spot=False) == ()


NUMBERS = {  # of T4
    "gcp-batch": {1, 2, 4},
    "vertex": {1, 2, 4},
    "aws-batch": {1, 4, 8},
    "sagemaker": {1, 4},
    "azureml": {1, 4},
    "huggingface": {1},
    "skypilot": {1, 2, 4, 8},
}


@pytest.mark.parametrize("target", NUMBERS)
def test_a_number_that_no_machine_has_is_refused_with_those_that_there_are(target: str) -> None:
    for card in ("T4", ""):  # a T4 is what they take without a card
        for gpus in (1, 2, 3, 4, 8):
            found = problems(target, card=card, gpus=gpus)
            assert (found == ()) == (gpus in NUMBERS[target])
            if found:
                listed = ", ".join(map(str, sorted(NUMBERS[target])))
                words = f"{target} has machines with {listed} {card or 'GPUs'}; name one of these numbers"
                assert found == (f"--gpus {gpus}: {words}",)


@pytest.mark.parametrize("target", ["docker", "compose", "kubernetes", "kueue", "kubeflow", "slurm"])
def test_machines_of_your_own_have_any_number(target: str) -> None:
    assert problems(target, card="T4", gpus=3) == problems(target, gpus=10) == ()


def test_a_card_that_comes_as_eight_alone_is_no_single_one() -> None:
    (found,) = problems("sagemaker", card="A100")
    assert found == "--gpus 1: sagemaker has machines with 8 A100; name one of these numbers"
    assert problems("runpod", card="L4", gpus=9)[0].startswith(
        "--gpus 9: runpod has machines with 1, 2, 3, 4, 5, 6, 7, 8 L4"
    )


@pytest.mark.parametrize("target", NAMES)
def test_several_hosts_only_where_the_platform_starts_them(target: str) -> None:
    found = problems(target, nodes=2)
    assert (found == ()) == (target in WITH_HOSTS)
    if found:
        assert found[0].startswith(f"--nodes 2: {target} starts a job on one host; ")
    by_hand = (
        "-e NNODES=2 -e NODE_RANK=0 -e MASTER_ADDR=" if target == "docker" else "NNODES=2, NODE_RANK=0 and MASTER_ADDR="
    )
    assert any(by_hand in one for one in found) == (target in ("docker", "compose"))


def test_the_platforms_that_start_several_hosts() -> None:
    assert [
        *("kubernetes", "kueue", "kubeflow", "gcp-batch", "aws-batch", "vertex", "sagemaker", "skypilot", "slurm"),
    ] == WITH_HOSTS


def test_aws_batch_has_no_spot_for_several_hosts() -> None:
    (found,) = problems("aws-batch", nodes=2, spot=True)
    assert found.startswith("--spot: aws-batch runs a job on several hosts on demand alone")
    assert problems("aws-batch", nodes=2) == problems("aws-batch", spot=True) == ()


@pytest.mark.parametrize("target", ["gcp-batch", "vertex"])
def test_google_sells_a_single_h100_on_spot_alone(target: str) -> None:
    assert problems(target, card="H100", spot=False)[0].startswith(f"--no-spot: {target} offers a single H100 on Spot")
    assert problems(target, card="H100", spot=True) == problems(target, card="H100") == ()
    assert problems(target, card="A100", spot=False) == problems(target, card="H100", gpus=8, spot=False) == ()
    assert problems(target, card="H100", gpus=4, spot=False)[0].startswith(f"--no-spot: {target} offers 4 H100 on Spot")


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
