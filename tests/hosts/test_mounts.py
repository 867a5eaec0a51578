"""Remedies for a folder that cannot be written: each one for whoever sees it."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from job.hosts.mounts import Place, mount_of, place_of, remedy

pytestmark = pytest.mark.light

MOUNTS = """\
126 75 0:53 / / rw,relatime - overlay overlay rw,lowerdir=/somewhere
127 126 0:56 / /proc rw,nosuid - proc proc rw
143 126 254:0 /home/ann/my\\040rows/output /output rw,relatime - ext4 /dev/vda rw
166 126 254:0 /var/lib/docker/volumes/lora-job-cache/_data /cache rw,relatime - ext4 /dev/vda rw
167 126 254:0 /home/ann/.local/share/containers/storage/volumes/mine/_data /cache/my\\040own rw - ext4 /dev/vda rw
"""
PLACE = Place(
    folder=Path("/output"),
    mounted_at="/output",
    volume="",
    owner=(0, 0),
    us=(1000, 100),
    container=True,
    kubernetes=False,
    rootless=False,
)


@pytest.mark.parametrize(
    ("folder", "mount"),
    [
        ("/output/train", ("/output", "")),
        ("/outputs", ("/", "")),
        ("/cache/huggingface/hub", ("/cache", "lora-job-cache")),
        ("/cache/my own", ("/cache/my own", "mine")),
    ],
)
def test_the_mount_and_the_volume_of_a_folder(folder: str, mount: tuple[str, str]) -> None:
    assert mount_of(Path(folder), MOUNTS) == mount


@pytest.mark.parametrize(
    ("changes", "number", "says"),
    [
        ({}, errno.EACCES, 'sudo chown -R "$(id -u):$(id -g)" FOLDER'),
        ({"owner": (1001, 1001)}, errno.EACCES, "--user 1001:1001"),
        (
            {"volume": "v"},
            errno.EACCES,
            "docker run --rm --user 0 --entrypoint chmod -v v:/output IMAGE -R a+rwX /output",
        ),
        ({"mounted_at": "/"}, errno.EACCES, '-v "$PWD/output:/output"'),
        ({}, errno.EROFS, '-v "$PWD/output:/output"'),
        ({"us": (0, 0)}, errno.EACCES, "its owner's uid"),
        ({"rootless": True}, errno.EACCES, 'podman with --userns=keep-id --user "$(id -u):$(id -g)"'),
        ({"rootless": True}, errno.EACCES, "docker without root with --user 0"),
        ({"kubernetes": True}, errno.EACCES, "fsGroup: 100"),
        ({"container": False}, errno.EACCES, "sudo chown -R 1000:100 /output"),
        ({"container": False, "us": (0, 0), "owner": (7, 7)}, errno.EACCES, "start as its owner (uid 7)"),
        ({"container": False}, errno.EROFS, "Mount it read-write, or set"),
        ({"container": False, "us": (7, 7), "owner": (7, 7)}, errno.EPERM, "Mount it read-write, or set"),
    ],
)
def test_each_reader_gets_a_remedy_of_his_own(changes: dict[str, object], number: int, says: str) -> None:
    text = remedy(replace(PLACE, **changes), number, "FINETUNE_OUTPUT_DIR")  # type: ignore[arg-type]
    assert says in text and "or set FINETUNE_OUTPUT_DIR to a folder that uid" in text
    assert changes.get("container", True) or "container" not in text


@pytest.mark.parametrize(
    ("variable", "option"),
    [("TMPDIR", "--tmpfs /tmp"), ("HF_HOME", "-v lora-job-cache:/cache"), ("HF_HUB_CACHE", "-v lora-job-cache:/cache")],
)
def test_each_folder_has_its_option(variable: str, option: str) -> None:
    assert remedy(PLACE, errno.EROFS, variable).startswith(f"Start the container with {option}")


def test_where_nothing_can_be_made_no_right_is_asked_for() -> None:
    assert remedy(PLACE, errno.ENOTDIR, "HF_HOME") == "Set HF_HOME to a folder that uid 1000 may write."


def test_a_place_that_does_not_exist_belongs_to_the_owner_of_the_one_above(tmp_path: Path) -> None:
    place = place_of(tmp_path / "a" / "b")
    assert place.folder == tmp_path / "a" / "b"
    assert place.owner == (tmp_path.stat().st_uid, tmp_path.stat().st_gid)
