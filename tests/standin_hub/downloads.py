"""One file of a commit, whole or a range of it."""

from __future__ import annotations

import re

from tests.standin_hub.messages import Refused, Request, Response
from tests.standin_hub.repositories import Commit


def download(commit: Commit, path: str, request: Request) -> Response:
    headers = {"X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    file = commit.files.get(path)
    if file is None:
        raise Refused(404, "Entry not found", "EntryNotFound", {"X-Repo-Commit": commit.oid})
    headers["ETag"] = f'"{file.sha256 if file.large else file.blob_id}"'
    if file.large:
        headers |= {"X-Linked-ETag": headers["ETag"], "X-Linked-Size": str(len(file.data))}
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("Range", ""))
    if wanted is None or not any(wanted.groups()):
        return Response(200, file.data, headers)
    size = len(file.data)
    first = int(wanted[1]) if wanted[1] else max(0, size - int(wanted[2]))
    last = min(int(wanted[2]), size - 1) if wanted[1] and wanted[2] else size - 1
    if first > last:
        raise Refused(416, "the range is not satisfiable", headers={"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return Response(206, file.data[first : last + 1], headers)
