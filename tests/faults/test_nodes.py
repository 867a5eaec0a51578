"""Two hosts on loopback, with the real command; the whole table is `python -m tests.faults.nodes`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from job.hosts.places import Place
from job.parallel.others import Others
from tests.conftest import PROJECT, clean_environment, make_rows, metrics_of, write_rows
from tests.faults.nodes import OPTIONS, Hosts, free_port, terminated
from tests.faults.runs import variables
from tests.parallel.test_board import until

pytestmark = pytest.mark.slow
SHORT = {"TRAIN_EPOCHS": "3", "TRAIN_EVAL_STEPS": "4", "STAGES": "clean,train"}


def hosts_of(base: Path, folder: Path, *changes: dict[str, str], name: str = "host") -> Hosts:
    rows = write_rows(folder / "rows.jsonl", make_rows(60))
    return Hosts((base, rows), folder, [SHORT | change for change in changes], name)


@pytest.mark.usefixtures("round_trip_here")
def test_two_hosts_stop_as_one_and_go_on_to_the_losses_of_one(
    command: Callable[..., int], base: Path, tmp_path: Path
) -> None:
    """The signal reaches the host that does not lead. The one alone is this process. In the end one host has two workers."""
    (tmp_path / "alone").mkdir()
    alone = hosts_of(base, tmp_path / "alone", {})
    assert command(variables(alone.inputs, alone.view(0), **{**OPTIONS, **SHORT})) == 0
    stopped = hosts_of(base, tmp_path, {}, {}).run("stage=train step=5 ", terminated(1))
    assert stopped.codes == [75, 75], stopped.log(0)
    assert "SIGTERM arrived on host " in metrics_of(tmp_path / "output")["error"]["message"]
    again = hosts_of(base, tmp_path, {"TRAIN_DEVICES": "2"}, {}, name="again").run()
    assert again.codes == [0, 0], again.log(0)
    train = metrics_of(tmp_path / "output")["train"]
    assert (train["workers"], train["resumed_from_step"] > 0) == (3, True)
    late = train["resumed_from_step"] == train["steps"]  # on a busy machine the stop may take the last step to arrive
    assert [one["workers"] for one in train["trained_by"]] == ([2] if late else [2, 3])
    assert train["trained_by"][-1]["until_step"] == train["steps"]
    assert again.losses() == pytest.approx(alone.losses(), rel=1e-5)


def test_hosts_whose_gpus_do_not_all_compute_in_bfloat16_train_in_float16(base: Path, tmp_path: Path) -> None:
    """An L4 in rank 0's host and a T4 in the other: each would choose for its own."""
    hosts = hosts_of(base, tmp_path, {"TRAIN_EPOCHS": "1"}, {"TRAIN_EPOCHS": "1"})
    hosts.capabilities = ("8.9", "7.5")
    assert hosts.run().codes == [0, 0], hosts.log(0)
    train = metrics_of(tmp_path / "output")["train"]
    assert train["workers"] == 2
    assert train["precision"] == {"value": "float16", "reason": "sm_75 has no bfloat16; the adapter stays float32"}
    (warning,) = (line for line in hosts.log(0).splitlines() if "weakest=7.5" in line)
    assert warning.endswith("(process 1 of 2)")


def test_a_host_with_other_settings_ends_both_and_is_named(base: Path, tmp_path: Path) -> None:
    hosts = hosts_of(base, tmp_path, {}, {"LORA_R": "2"}).run()
    assert hosts.codes == [68, 68], hosts.log(0)
    error = metrics_of(tmp_path / "output")["error"]
    assert "(process 1 of 2)" in error["message"] and "FINETUNE_LORA_R: " in error["message"]


def test_a_host_without_a_folder_for_temporary_files_tells_rank_0(tmp_path: Path) -> None:
    """A container with --read-only alone. torch, by which it speaks, asks for one as it is imported. Rank 0 is this process."""
    port = free_port()
    others = Others(Place(0, 2, None, "127.0.0.1", port, "a test"), seconds=10)
    script = (
        "import sys, tempfile, entrypoint; tempfile._candidate_tempdir_list = lambda: []; sys.exit(entrypoint.main())"
    )
    place = {"NNODES": "2", "NODE_RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    given = dict.fromkeys(("FINETUNE_DATA_SOURCES", "FINETUNE_MODEL_BASE"), "quickstart")
    environ = clean_environment(given | place | {"FINETUNE_OUTPUT_DIR": str(tmp_path / "output")})
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=PROJECT, env=environ, stderr=subprocess.DEVNULL
    ) as process:
        until(lambda: others.board.of(1).get("failed"))
        others.end(68, late=0)
        assert process.wait(30) == 68
    assert "No folder for temporary files can be written" in others.board.of(1)["failed"]["message"]
