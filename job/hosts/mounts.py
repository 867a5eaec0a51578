"""What whoever started this process can do about a folder that it cannot write: it depends on the container, the mount and the
owner."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path

from job.hosts.platforms import TERMINATION_LOG

MOUNTS, USERS = Path("/proc/self/mountinfo"), Path("/proc/self/uid_map")
OF_ENGINES = "/etc/hosts"
"""Docker, podman and Kubernetes mount a file there. /.dockerenv says less: machines made from images have it too."""
APPTAINER = Path("/.singularity.d")
"""It mounts that file as well, but its users and folders are those of the host."""
VOLUME = re.compile(r"/volumes/([^/]+)/_data$")
"""Where docker and podman keep a named volume on the host."""
OPTIONS = {"FINETUNE_OUTPUT_DIR": '-v "$PWD/output:/output" -e FINETUNE_OUTPUT_DIR=/output', "TMPDIR": "--tmpfs /tmp"}
CACHE_OPTION = "-v lora-job-cache:/cache -e HF_HOME=/cache/huggingface"

NO_PLACE = (errno.ENOENT, errno.ENOTDIR, errno.EEXIST)
"""No right is missing: nothing can be made there, as below /proc, or a file is in the way."""


@dataclass(frozen=True)
class Place:
    """A folder that this process would write, and what stands in its way."""

    folder: Path
    mounted_at: str
    """Where the file system begins that holds it."""
    volume: str
    """The name of an engine's volume, or empty."""
    owner: tuple[int, int]
    """Of what could not be written, or of the nearest folder above it that exists."""
    us: tuple[int, int]
    container: bool
    kubernetes: bool
    rootless: bool
    """Whether this container's users are others on the host."""


def place_of(folder: Path, blocked: Path | None = None) -> Place:
    """`blocked`: what in the folder could not be written."""
    folder = folder.absolute()
    lowest = (blocked or folder).absolute()
    mounts = MOUNTS.read_text("utf-8", errors="replace") if MOUNTS.exists() else ""
    mounted_at, volume = mount_of(folder, mounts)
    existing = next(path for path in (lowest, *lowest.parents) if os.path.exists(path))  # noqa: PTH110 (never raises)
    found = existing.stat()
    return Place(
        folder,
        mounted_at,
        volume,
        (found.st_uid, found.st_gid),
        (os.getuid(), os.getgid()),
        container=mount_of(Path(OF_ENGINES), mounts)[0] == OF_ENGINES and not APPTAINER.exists(),
        kubernetes=TERMINATION_LOG.exists(),
        rootless=USERS.exists() and USERS.read_text("utf-8").split()[:2] not in ([], ["0", "0"]),
    )


def mount_of(folder: Path, mounts: str) -> tuple[str, str]:
    """(mount point, name of the volume or empty) of the file system that holds the folder. `mounts`: as in mountinfo."""
    best = ("/", "")
    for line in mounts.splitlines():
        fields = [re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), field) for field in line.split()[:5]]
        if len(fields) == 5 and folder.is_relative_to(fields[4]) and len(fields[4]) >= len(best[0]):
            volume = VOLUME.search(fields[3])
            best = (fields[4], volume[1] if volume else "")
    return best


def remedy(place: Place, number: int | None, variable: str) -> str:
    """What to do. `number`: of the OSError; `variable`: the one that names the folder."""
    (uid, gid), (owner, group) = place.us, place.owner
    elsewhere = f"set {variable} to a folder that uid {uid} may write"
    option = OPTIONS.get(variable, CACHE_OPTION)
    if number in NO_PLACE:
        return f"{elsewhere[0].upper()}{elsewhere[1:]}."
    if not place.container:
        if number == errno.EROFS or owner == uid:
            return f"Mount it read-write, or {elsewhere}."
        if uid == 0:
            return f"Mount it read-write, or start as its owner (uid {owner}), or {elsewhere}."
        return f"Run `sudo chown -R {uid}:{gid} {place.folder}`, or {elsewhere}."
    if place.kubernetes:
        return f"Set `securityContext.fsGroup: {gid}` for the pod, with a volume that it may write, or {elsewhere}."
    if number == errno.EROFS or place.mounted_at == "/":
        return f"Start the container with {option}, or {elsewhere}."
    if place.rootless and uid != 0:
        # --userns=keep-id alone leaves user 10001 of the image, who does not own the folder (podman 4.3)
        return (
            'Start the container as your own user of the host: podman with --userns=keep-id --user "$(id -u):$(id -g)", '
            f"docker without root with --user 0; or {elsewhere}."
        )
    if place.volume:
        at = place.mounted_at
        command = f"docker run --rm --user 0 --entrypoint chmod -v {place.volume}:{at} IMAGE -R a+rwX {at}"
        return f"Run `{command}` with this image, or {elsewhere}."
    if owner not in (0, uid):
        return f"Start the container with --user {owner}:{group}, whose folder it is, or {elsewhere}."
    if uid == 0:
        return f"Mount it read-write, or start the container with its owner's uid (--user), or {elsewhere}."
    return (
        f'Run `sudo chown -R "$(id -u):$(id -g)" FOLDER` on the host, for the FOLDER that is mounted at {place.mounted_at} '
        f'(docker makes a missing one as root), and start the container with --user "$(id -u):$(id -g)"; or {elsewhere}.'
    )
