"""Which address leads where. Reading a repository is answered here; uploads and downloads have their own modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.standin_hub.access import (
    User,
    authenticate,
    require_gate,
    require_user,
    require_writer,
    visible_repo,
)
from tests.standin_hub.downloads import download
from tests.standin_hub.messages import Refused, Request, Response, as_json
from tests.standin_hub.repositories import Commit, Kind, Repo, Store
from tests.standin_hub.uploads import (
    choose_transfers,
    list_missing_objects,
    receive_commit,
    store_object,
    validate_card,
)


def route(store: Store, users: Mapping[str, User], request: Request) -> Response:
    """Raises Refused."""
    parts = [unquote(part) for part in request.path.strip("/").split("/")]
    match request.method, *parts:
        case "PUT", "_lfs", oid:  # a signed address on the Hub: no token here
            return store_object(store, oid, request)
    user = authenticate(users, request)
    match request.method, *parts:
        case "GET", "api", "whoami-v2":
            return as_json(require_user(user).describe())
        case "POST", "api", "repos", "create":
            return _create(store, require_user(user), request)
        case "POST", "api", "validate-yaml":
            return validate_card(request)
        case _, "api", "models" | "datasets" as kinds, *rest:
            repo = visible_repo(store, user, "model" if kinds == "models" else "dataset", "/".join(rest[:2]))
            return _route_in_repo(store, user, repo, rest[2:], request)
        case method, *rest if method in ("GET", "HEAD") and "resolve" in rest:
            kind, rest = _kind_of_path(rest)
            cut = rest.index("resolve")
            repo = visible_repo(store, user, kind, "/".join(rest[:cut]))
            require_gate(user, repo)
            commit = _revision(repo, "/".join(rest[cut + 1 : cut + 2]))
            return download(commit, "/".join(rest[cut + 2 :]), request)
        case "POST", *rest, "info", "lfs", "objects", "batch":
            kind, rest = _kind_of_path(rest)
            repo = visible_repo(store, user, kind, "/".join(rest).removesuffix(".git"))
            require_writer(user, repo, "Authorization error.")
            return list_missing_objects(store, request)
    raise _no_route(request)


def _route_in_repo(store: Store, user: User | None, repo: Repo, parts: list[str], request: Request) -> Response:
    match request.method, *parts:
        case "GET", "auth-check":
            require_gate(user, repo)
            return as_json({})
        case "GET", "auth-check", "write":
            require_writer(user, repo, "You don't have the rights to write to this repository")
            return as_json({})
        case "GET", "refs":
            return _refs(repo)
        case "PUT", "settings":
            require_writer(user, repo, "You don't have the rights to change this repository")
            repo.private = request.json()["visibility"] == "private"
            return as_json({})
    commit = _revision(repo, parts[1] if len(parts) > 1 else "main")
    match request.method, *parts:
        case ("GET",) | ("GET", "revision", _):
            return _info(repo, commit)
        case "GET", "tree", _, *folders:
            return _tree(commit, "/".join(folders), request)
        case "POST", "paths-info", _:
            return _paths_info(commit, request)
        case "GET", "commits", _:
            return _log(repo, commit)
        case "POST", "tag", _:
            require_writer(user, repo)
            return _tag(repo, commit, request)
        case "POST", "preupload", _:
            require_writer(user, repo)
            return choose_transfers(commit, request)
        case "POST", "commit", branch:
            require_writer(user, repo)
            return receive_commit(store, repo, branch, commit, request)
    raise _no_route(request)


def _no_route(request: Request) -> Refused:
    return Refused(404, f"the stand-in Hub has no route {request.method} {request.path}")


def _kind_of_path(parts: list[str]) -> tuple[Kind, list[str]]:
    return ("dataset", parts[1:]) if parts[0] == "datasets" else ("model", parts)


def _revision(repo: Repo, revision: str) -> Commit:
    commit = repo.find(revision)
    if commit is None:
        raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    return commit


def _create(store: Store, user: User, request: Request) -> Response:
    wanted: dict[str, Any] = request.json()
    kind: Kind = "dataset" if wanted.get("type") == "dataset" else "model"
    namespace = wanted.get("organization") or user.name
    repo_id = f"{namespace}/{wanted['name']}"
    place = {"url": f"{request.server}/{Repo(kind, repo_id).page}"}
    if not user.may_write(namespace):
        raise Refused(403, f'You don\'t have the rights to create a {kind} under the namespace "{namespace}"')
    if (kind, repo_id) in store.repos:
        return as_json({"error": f"You already created this {kind} repo", **place}, 409)
    attributes = b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"
    private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
    store.change(store.add(kind, repo_id, private=private), {".gitattributes": attributes}, "initial commit")
    return as_json({"name": repo_id, "id": repo_id, **place})


def _refs(repo: Repo) -> Response:
    named = (("branches", "refs/heads", repo.branches), ("tags", "refs/tags", repo.tags))
    refs: dict[str, list[dict[str, str]]] = {"converts": [], "pullRequests": []}
    for key, prefix, oids in named:
        refs[key] = [{"name": name, "ref": f"{prefix}/{name}", "targetCommit": oid} for name, oid in oids.items()]
    return as_json(refs)


def _info(repo: Repo, commit: Commit) -> Response:
    about: dict[str, Any] = {
        "id": repo.repo_id,
        "author": repo.namespace,
        "sha": commit.oid,
        "lastModified": commit.date,
        "private": repo.private,
        "gated": "manual" if repo.gated else False,
        "disabled": False,
        "tags": [],
        "siblings": [{"rfilename": path} for path in sorted(commit.files)],
    }
    return as_json(about)


def _tree(commit: Commit, folder: str, request: Request) -> Response:
    recursive = request.query.get("recursive", ["false"])[0].lower() in ("true", "1")
    tree, prefix = commit.tree(), f"{folder}/" if folder else ""
    if folder and tree.get(folder, {}).get("type") != "directory":
        raise Refused(404, f"{folder} does not exist at this revision", "EntryNotFound")
    inside = [path for path in tree if path.startswith(prefix)]
    return as_json([tree[path] for path in inside if recursive or "/" not in path.removeprefix(prefix)])


def _paths_info(commit: Commit, request: Request) -> Response:
    is_json = "json" in request.headers.get("Content-Type", "")
    paths = request.json()["paths"] if is_json else parse_qs(request.body.decode()).get("paths", [])
    tree = commit.tree()
    return as_json([tree[path.strip("/")] for path in paths if path.strip("/") in tree])


def _log(repo: Repo, commit: Commit) -> Response:
    authors = [{"user": repo.namespace}]
    log = [{"id": c.oid, "title": c.title, "message": c.description, "date": c.date} for c in repo.log(commit.oid)]
    return as_json([{**entry, "authors": authors} for entry in log])


def _tag(repo: Repo, commit: Commit, request: Request) -> Response:
    if (name := request.json()["tag"]) in repo.tags:
        raise Refused(409, f"Tag {name} exists already")
    repo.tags[name] = commit.oid
    return as_json({})
