"""Cards, large files and commits: what a push sends, in the order in which it sends it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from tests.standin_hub.messages import Refused, Request, Response, as_json
from tests.standin_hub.repositories import Commit, Repo, Store, StoredFile, is_large


def validate_card(request: Request) -> Response:
    content = request.json()["content"]
    warnings = [] if content.startswith("---") else ["empty or missing yaml metadata in repo card"]
    found = {"errors": _mistakes(content), "warnings": warnings}
    listed = {level: [{"message": message} for message in messages] for level, messages in found.items()}
    return as_json(listed, 400 if found["errors"] else 200)


def _mistakes(content: str) -> list[str]:
    """What is wrong with the front matter of a README (the plainest mistakes only: there is no YAML parser here)."""
    lines = content.splitlines()
    if not lines or lines[0] != "---":
        return []
    if "---" not in lines[1:]:
        return ["the metadata block is not closed"]
    block = lines[1 : lines.index("---", 1)]
    return [f"not a line of YAML: {line!r}" for line in block if not re.match(r"\s*$|#| |- |[^\s:][^:]*:(\s|$)", line)]


def choose_transfers(head: Commit, request: Request) -> Response:
    """For each file whether it goes into the commit itself or to the store of large files."""
    return as_json({"files": [_transfer(head, wanted) for wanted in request.json()["files"]]})


def _transfer(head: Commit, wanted: dict[str, Any]) -> dict[str, Any]:
    path, old = wanted["path"], head.files.get(wanted["path"])
    mode = "lfs" if is_large(path, wanted["size"]) else "regular"
    oid = None if old is None else old.sha256 if old.large else old.blob_id
    return {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid}


def list_missing_objects(store: Store, request: Request) -> Response:
    """Git LFS's batch call: an address to upload to for each object that is not here yet."""
    objects: list[dict[str, Any]] = []
    for item in request.json()["objects"]:
        entry = {"oid": item["oid"], "size": item["size"]}
        if item["oid"] not in store.objects:
            entry["actions"] = {"upload": {"href": f"{request.server}/_lfs/{item['oid']}"}}
        objects.append(entry)
    return as_json({"transfer": "basic", "objects": objects})


def store_object(store: Store, oid: str, request: Request) -> Response:
    if hashlib.sha256(request.body).hexdigest() != oid:
        raise Refused(400, "the content does not have the announced hash")
    store.objects[oid] = request.body
    return Response()


def receive_commit(store: Store, repo: Repo, branch: str, head: Commit, request: Request) -> Response:
    files, title, description, parent = dict(head.files), "", "", None
    for line in request.body.splitlines():
        item = json.loads(line)
        key, value = item["key"], item["value"]
        match key:
            case "header":
                title, description, parent = value["summary"], value.get("description", ""), value.get("parentCommit")
            case "file":
                files[value["path"]] = StoredFile(base64.b64decode(value["content"]), large=False)
            case "lfsFile":
                if value["oid"] not in store.objects:
                    raise Refused(400, f"the object {value['oid']} was not uploaded")
                files[value["path"]] = StoredFile(store.objects[value["oid"]], large=True)
            case "deletedFile":
                files.pop(value["path"], None)
            case "deletedFolder":
                folder = value["path"].rstrip("/") + "/"
                files = {path: file for path, file in files.items() if not path.startswith(folder)}
            case _:
                raise Refused(400, f"unknown operation {key}")
    if branch not in repo.branches:
        raise Refused(404, f"Invalid rev id: {branch}", "RevisionNotFound")
    if parent and parent != head.oid:
        raise Refused(412, "A commit has happened since. Please refresh and try again.")
    commit = store.commit(repo, branch, files, title, description)
    address = f"{request.server}/{repo.page}/commit/{commit.oid}"
    return as_json({"success": True, "commitOid": commit.oid, "commitUrl": address, "hookOutput": ""})
