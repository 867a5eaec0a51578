"""A small Hugging Face Hub on the loopback interface, for tests that use the real clients without a network.

It keeps models and data sets in memory and speaks the part of the Hub's HTTP interface that ``huggingface_hub``,
``datasets`` and ``transformers`` use with ``HF_HUB_DISABLE_XET=1``. Access follows the Hub: a token has a user and a
role, users write only below their own name, private repositories do not exist for others, and the files of gated ones
are refused while their listing stays open.

    with StandInHub(tokens={"hf_writer": ("alice", "write")}) as hub:
        hub.add_repo("model", "alice/base", {"config.json": b"{}"})
        subprocess.run(command, env=os.environ | hub.environment("hf_writer") | {"HF_HOME": cache})
        assert "adapter_model.safetensors" in hub.files("model", "alice/adapter")

From a shell, ``python -m tests.standin_hub --token hf_x`` prints ``{"url": ...}`` and serves until it is stopped; with
``--state DIR`` it starts from ``DIR/{models,datasets}/OWNER/NAME``, keeps ``main`` there and logs to
``DIR/requests.jsonl``. ``POST /_fail`` takes the arguments of ``StandInHub.fail`` as JSON.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import itertools
import json
import re
import shutil
import socket
import sys
import threading
import time
import traceback
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, NoReturn
from urllib.parse import parse_qs, unquote, urlsplit

Kind = Literal["model", "dataset"]
Files = Mapping[str, bytes]
KINDS: tuple[Kind, ...] = ("model", "dataset")
LARGE_FILE_BYTES = 10 * 1024 * 1024
LARGE_FILE_NAME = re.compile(r"\.(safetensors|bin|pt|onnx|gguf|parquet|arrow|zip|tar|gz|zst|model)$|tokenizer\.json$")
PERMISSIONS: dict[str, tuple[str, ...]] = {
    "read": ("repo.content.read",),
    "write": ("repo.content.read", "repo.write"),
    "fine-grained-read": ("repo.content.read",),
    "fine-grained-write": ("repo.content.read", "repo.write"),
}


@dataclass(frozen=True)
class User:
    name: str
    role: str

    def may_write(self, namespace: str) -> bool:
        return self.name == namespace and "repo.write" in PERMISSIONS[self.role]

    def describe(self) -> dict[str, Any]:
        token: dict[str, Any] = {"displayName": "stand-in", "role": self.role, "createdAt": "2026-01-01T00:00:00.000Z"}
        if self.role.startswith("fine-grained"):
            entity = {"_id": "0" * 24, "type": "user", "name": self.name}
            scope = {"entity": entity, "permissions": list(PERMISSIONS[self.role])}
            details = {"canReadGatedRepos": True, "global": [], "scoped": [scope]}
            token |= {"role": "fineGrained", "fineGrained": details}
        auth = {"type": "access_token", "accessToken": token}
        return {"type": "user", "id": "0" * 24, "name": self.name, "fullname": self.name, "orgs": [], "auth": auth}


@dataclass(frozen=True)
class StoredFile:
    data: bytes
    large: bool

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def blob_id(self) -> str:
        """The id that git gives to the content, or to the pointer that stands for a large file."""
        data = self.data
        if self.large:
            data = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(data)}\n".encode()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass(frozen=True)
class Commit:
    oid: str
    title: str
    parent: str | None
    date: str
    files: Mapping[str, StoredFile]


@dataclass
class Repo:
    kind: Kind
    repo_id: str
    private: bool = False
    gated: bool = False
    allowed: frozenset[str] = frozenset()
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    history: dict[str, Commit] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        return self.repo_id.partition("/")[0]

    def admits(self, user: User | None) -> bool:
        return user is not None and (user.name == self.namespace or user.name in self.allowed)

    def find(self, revision: str) -> Commit | None:
        name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        return self.history.get(self.branches.get(name) or self.tags.get(name) or revision)

    def log(self, revision: str) -> Iterator[Commit]:
        commit = self.find(revision)
        while commit:
            yield commit
            commit = self.history.get(commit.parent or "")


@dataclass
class Fault:
    match: re.Pattern[str]
    status: int | None
    times: int
    after: bool
    drop: bool
    sleep: float


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Response:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})


class Refused(Exception):
    """A request ends here with an error, in the form by which the clients tell the cases apart."""

    def __init__(self, status: int, message: str, code: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        told = {"X-Error-Message": message.encode("ascii", "replace").decode(), **(headers or {})}
        if code:
            told["X-Error-Code"] = code
        self.response = as_json({"error": message}, status, told)


def is_large(path: str, size: int) -> bool:
    return size > LARGE_FILE_BYTES or (size > 0 and LARGE_FILE_NAME.search(path) is not None)


def describe_file(path: str, file: StoredFile) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(file.data), "oid": file.blob_id}
    if file.large:
        entry["lfs"] = {"oid": file.sha256, "size": len(file.data), "pointerSize": 134}
    return entry


def describe_tree(commit: Commit) -> dict[str, dict[str, Any]]:
    """Every file and folder of a commit by its path."""
    tree: dict[str, dict[str, Any]] = {}
    for path, file in sorted(commit.files.items()):
        for folder in reversed([str(parent) for parent in Path(path).parents if str(parent) != "."]):
            oid = hashlib.sha1(f"{commit.oid}:{folder}".encode()).hexdigest()
            tree.setdefault(folder, {"type": "directory", "path": folder, "size": 0, "oid": oid})
        tree[path] = describe_file(path, file)
    return tree


def check_card(content: str) -> list[str]:
    """What is wrong with the front matter of a README (the plainest mistakes only: there is no YAML parser here)."""
    lines = content.splitlines()
    if not lines or lines[0] != "---":
        return []
    if "---" not in lines[1:]:
        return ["the metadata block is not closed"]
    block = lines[1 : lines.index("---", 1)]
    return [f"not a line of YAML: {line!r}" for line in block if not re.match(r"\s*$|#| |- |[^\s:][^:]*:(\s|$)", line)]


class StandInHub:
    def __init__(
        self, tokens: Mapping[str, str | tuple[str, str]] | None = None, port: int = 0, state: Path | None = None
    ) -> None:
        """``tokens`` maps a token to (user name, role), or to a role alone for the user "tester"."""
        pairs = {token: ("tester", who) if isinstance(who, str) else who for token, who in (tokens or {}).items()}
        self.users = {token: User(name, role) for token, (name, role) in pairs.items()}
        if unknown := {user.role for user in self.users.values()} - set(PERMISSIONS):
            raise ValueError(f"unknown role {unknown}; known: {', '.join(PERMISSIONS)}")
        self.requests: list[tuple[str, str, int]] = []  # status 0: the connection was cut
        self.closed = False
        self._port, self._state = port, state
        self._repos: dict[tuple[Kind, str], Repo] = {}
        self._objects: dict[str, bytes] = {}
        self._faults: list[Fault] = []
        self._lock = threading.RLock()
        self._counter = itertools.count()
        self._server: _Server | None = None
        for kind in KINDS if state else ():
            for folder in Path(state or ".", f"{kind}s").glob("*/*"):
                found = [path for path in folder.rglob("*") if path.is_file()]
                files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
                self.add_repo(kind, f"{folder.parent.name}/{folder.name}", files)

    # The life of the server

    def __enter__(self) -> StandInHub:
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = _Server(("127.0.0.1", self._port), handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.closed = True  # also ends connections that clients keep open
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    @property
    def url(self) -> str:
        if self._server is None:
            raise RuntimeError("the stand-in Hub is not running")
        return f"http://127.0.0.1:{self._server.server_port}"

    def environment(self, token: str | None = None) -> dict[str, str]:
        """What a child process needs to use this Hub; the caller adds HF_HOME, and without a token removes HF_TOKEN."""
        switches = ("HF_HUB_DISABLE_XET", "HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_PROGRESS_BARS")
        return {"HF_ENDPOINT": self.url, **({"HF_TOKEN": token} if token else {}), **dict.fromkeys(switches, "1")}

    # What a test arranges and looks at

    def add_repo(
        self,
        kind: Kind,
        repo_id: str,
        files: Files | None = None,
        private: bool = False,
        gated: bool = False,
        allowed: Collection[str] = (),
    ) -> str:
        """Create a repository and return its first commit; ``allowed`` names users whom a gate lets through."""
        with self._lock:
            if (kind, repo_id) in self._repos:
                raise ValueError(f"there is already a {kind} {repo_id}")
            self._repos[kind, repo_id] = Repo(kind, repo_id, private, gated, frozenset(allowed))
            return self.add_commit(kind, repo_id, files or {}, "initial commit")

    def add_commit(self, kind: Kind, repo_id: str, files: Files, title: str = "change") -> str:
        """Add or replace files at the head of main, as somebody else would; returns the commit."""
        new = {path: StoredFile(data, is_large(path, len(data))) for path, data in files.items()}
        with self._lock:
            repo = self.repo(kind, repo_id)
            self._objects |= {file.sha256: file.data for file in new.values() if file.large}
            head = repo.find("main")
            return self._commit(repo, "main", {**(head.files if head else {}), **new}, title).oid

    def repo(self, kind: Kind, repo_id: str) -> Repo:
        return self._repos[kind, repo_id]

    def files(self, kind: Kind, repo_id: str, revision: str = "main") -> dict[str, bytes]:
        commit = self.repo(kind, repo_id).find(revision)
        if commit is None:
            raise KeyError(f"{kind} {repo_id} has no revision {revision}")
        return {path: file.data for path, file in commit.files.items()}

    def commits(self, kind: Kind, repo_id: str, revision: str = "main") -> list[Commit]:
        """The commits that lead to a revision, the newest first."""
        return list(self.repo(kind, repo_id).log(revision))

    def fail(
        self,
        match: str,
        status: int | None = 503,
        times: int = 1,
        after: bool = False,
        drop: bool = False,
        sleep: float = 0,
    ) -> None:
        """Let the next ``times`` requests whose "METHOD /path" matches the expression go wrong.

        They wait for ``sleep`` seconds and are then answered with ``status`` instead of being carried out (None: they
        are carried out and answered as usual). With ``after`` they are carried out, and only the answer is lost. With
        ``drop`` the connection is cut: without an answer, or half-way through the answer with ``after``.
        """
        with self._lock:
            self._faults.append(Fault(re.compile(match), status, times, after, drop, sleep))

    def forgive(self) -> None:
        """No more injected faults."""
        with self._lock:
            self._faults.clear()

    # What the handler calls

    def take_fault(self, line: str) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.times > 0 and fault.match.search(line):
                    fault.times -= 1
                    return fault
        return None

    def record(self, method: str, path: str, status: int) -> None:
        with self._lock:
            self.requests.append((method, path, status))
            if self._state:
                with (self._state / "requests.jsonl").open("a") as log:
                    log.write(json.dumps([method, path, status]) + "\n")

    def answer(self, request: Request) -> Response:
        with self._lock:
            try:
                return self._route(request)
            except Refused as refused:
                return refused.response

    # The routes

    def _route(self, request: Request) -> Response:
        parts = [unquote(part) for part in request.path.strip("/").split("/")]
        match request.method, *parts:
            case "POST", "_fail":
                self.fail(**request.json())
                return as_json({})
            case "PUT", "_lfs", oid:  # a signed address on the Hub: no token here
                if hashlib.sha256(request.body).hexdigest() != oid:
                    raise Refused(400, "the content does not have the announced hash")
                self._objects[oid] = request.body
                return Response()
        user = self._authenticate(request)
        match request.method, *parts:
            case "GET", "api", "whoami-v2":
                if user is None:
                    raise Refused(401, "Invalid username or password.")
                return as_json(user.describe())
            case "POST", "api", "repos", "create":
                return self._create(user, request.json())
            case "POST", "api", "validate-yaml":
                content = request.json()["content"]
                warnings = [] if content.startswith("---") else ["empty or missing yaml metadata in repo card"]
                told = {"errors": check_card(content), "warnings": warnings}
                listed = {level: [{"message": message} for message in messages] for level, messages in told.items()}
                return as_json(listed, 400 if told["errors"] else 200)
            case _, "api", "models" | "datasets" as kinds, *rest:
                repo = self._visible(user, "model" if kinds == "models" else "dataset", "/".join(rest[:2]))
                return self._repo_route(user, repo, rest[2:], request)
            case method, *rest if method in ("GET", "HEAD") and "resolve" in rest:
                kind, rest = self._kind_of_path(rest)
                cut = rest.index("resolve")
                repo = self._visible(user, kind, "/".join(rest[:cut]))
                return self._download(user, repo, "/".join(rest[cut + 1 : cut + 2]), "/".join(rest[cut + 2 :]), request)
            case "POST", *rest, "info", "lfs", "objects", "batch":
                kind, rest = self._kind_of_path(rest)
                repo = self._visible(user, kind, "/".join(rest).removesuffix(".git"))
                self._require_writer(user, repo, "Authorization error.")
                return self._lfs_batch(request.json())
        return self._unknown(request)

    def _repo_route(self, user: User | None, repo: Repo, parts: list[str], request: Request) -> Response:
        match request.method, *parts:
            case "GET", "auth-check":
                self._require_gate(user, repo)
                return as_json({})
            case "GET", "auth-check", "write":
                self._require_writer(user, repo, "You don't have the rights to write to this repository")
                return as_json({})
            case "GET", "refs":
                named = (("branches", "refs/heads", repo.branches), ("tags", "refs/tags", repo.tags))
                refs: dict[str, list[dict[str, str]]] = {"converts": [], "pullRequests": []}
                for key, prefix, oids in named:
                    refs[key] = [{"name": n, "ref": f"{prefix}/{n}", "targetCommit": oid} for n, oid in oids.items()]
                return as_json(refs)
        commit = self._revision(repo, parts[1] if len(parts) > 1 else "main")
        match request.method, *parts:
            case ("GET",) | ("GET", "revision", _):
                return as_json(self._info(repo, commit))
            case "GET", "tree", _, *folders:
                recursive = request.query.get("recursive", ["false"])[0].lower() in ("true", "1")
                return as_json(self._tree(commit, "/".join(folders), recursive))
            case "POST", "paths-info", _:
                is_json = "json" in request.headers.get("Content-Type", "")
                paths = request.json()["paths"] if is_json else parse_qs(request.body.decode()).get("paths", [])
                tree = describe_tree(commit)
                return as_json([tree[path.strip("/")] for path in paths if path.strip("/") in tree])
            case "GET", "commits", _:
                told = {"message": "", "authors": [{"user": repo.namespace}]}
                return as_json([told | {"id": c.oid, "title": c.title, "date": c.date} for c in repo.log(commit.oid)])
            case "POST", "tag", _:
                self._require_writer(user, repo)
                if (name := request.json()["tag"]) in repo.tags:
                    raise Refused(409, f"Tag {name} exists already")
                repo.tags[name] = commit.oid
                return as_json({})
            case "POST", "preupload", _:
                self._require_writer(user, repo)
                return as_json({"files": [self._upload_mode(commit, wanted) for wanted in request.json()["files"]]})
            case "POST", "commit", branch:
                self._require_writer(user, repo)
                return self._receive_commit(repo, branch, commit, request)
        return self._unknown(request)

    # Who may do what

    def _authenticate(self, request: Request) -> User | None:
        sent = request.headers.get("Authorization")
        if not sent:
            return None
        user = self.users.get(sent.removeprefix("Bearer "))
        if user is None:
            raise Refused(401, "Invalid credentials in Authorization header")
        return user

    def _visible(self, user: User | None, kind: Kind, repo_id: str) -> Repo:
        repo = self._repos.get((kind, repo_id))
        if repo is None or (repo.private and not repo.admits(user)):
            raise Refused(404 if user else 401, "Repository not found", "RepoNotFound")
        return repo

    def _require_gate(self, user: User | None, repo: Repo) -> None:
        if repo.gated and not repo.admits(user):
            advice = "Ask for access on its page." if user else "You must have access to it and be authenticated."
            message = f"Access to {repo.kind} {repo.repo_id} is restricted. {advice}"
            raise Refused(403 if user else 401, message, "GatedRepo")

    def _require_writer(self, user: User | None, repo: Repo, message: str = "") -> None:
        if user is None:  # huggingface_hub reads a bare 401 as a missing repository, but only below https://
            raise Refused(401, "Invalid username or password.", "RepoNotFound")
        if not user.may_write(repo.namespace):
            raise Refused(403, message or "Forbidden: pass `create_pr=1` as a query parameter to create a Pull Request")

    # What the routes do

    @staticmethod
    def _unknown(request: Request) -> NoReturn:
        raise Refused(404, f"the stand-in Hub has no route {request.method} {request.path}")

    @staticmethod
    def _kind_of_path(parts: list[str]) -> tuple[Kind, list[str]]:
        return ("dataset", parts[1:]) if parts[0] == "datasets" else ("model", parts)

    @staticmethod
    def _revision(repo: Repo, revision: str) -> Commit:
        commit = repo.find(revision)
        if commit is None:
            raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit

    def _create(self, user: User | None, wanted: dict[str, Any]) -> Response:
        if user is None:
            raise Refused(401, "Invalid username or password.")
        kind: Kind = "dataset" if wanted.get("type") == "dataset" else "model"
        namespace = wanted.get("organization") or user.name
        repo_id = f"{namespace}/{wanted['name']}"
        place = {"url": f"{self.url}/{'datasets/' if kind == 'dataset' else ''}{repo_id}"}
        if not user.may_write(namespace):
            raise Refused(403, f'You don\'t have the rights to create a {kind} under the namespace "{namespace}"')
        if (kind, repo_id) in self._repos:
            return as_json({"error": f"You already created this {kind} repo", **place}, 409)
        attributes = b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"
        private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
        self.add_repo(kind, repo_id, {".gitattributes": attributes}, private=private)
        return as_json({"name": repo_id, "id": repo_id, **place})

    @staticmethod
    def _info(repo: Repo, commit: Commit) -> dict[str, Any]:
        about = {"id": repo.repo_id, "author": repo.namespace, "sha": commit.oid, "lastModified": commit.date}
        state: dict[str, Any] = {
            "private": repo.private,
            "gated": "manual" if repo.gated else False,
            "disabled": False,
            "tags": [],
        }
        return about | state | {"siblings": [{"rfilename": path} for path in sorted(commit.files)]}

    @staticmethod
    def _tree(commit: Commit, folder: str, recursive: bool) -> list[dict[str, Any]]:
        tree, prefix = describe_tree(commit), f"{folder}/" if folder else ""
        if folder and tree.get(folder, {}).get("type") != "directory":
            raise Refused(404, f"{folder} does not exist at this revision", "EntryNotFound")
        inside = [path for path in tree if path.startswith(prefix)]
        return [tree[path] for path in inside if recursive or "/" not in path.removeprefix(prefix)]

    @staticmethod
    def _upload_mode(head: Commit, wanted: dict[str, Any]) -> dict[str, Any]:
        path, old = wanted["path"], head.files.get(wanted["path"])
        mode = "lfs" if is_large(path, wanted["size"]) else "regular"
        oid = None if old is None else old.sha256 if old.large else old.blob_id
        return {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid}

    def _lfs_batch(self, wanted: dict[str, Any]) -> Response:
        objects: list[dict[str, Any]] = []
        for item in wanted["objects"]:
            entry = {"oid": item["oid"], "size": item["size"]}
            if item["oid"] not in self._objects:
                entry["actions"] = {"upload": {"href": f"{self.url}/_lfs/{item['oid']}"}}
            objects.append(entry)
        return as_json({"transfer": "basic", "objects": objects})

    def _receive_commit(self, repo: Repo, branch: str, head: Commit, request: Request) -> Response:
        files, title, parent = dict(head.files), "", None
        for line in request.body.splitlines():
            item = json.loads(line)
            key, value = item["key"], item["value"]
            match key:
                case "header":
                    title, parent = value["summary"], value.get("parentCommit")
                case "file":
                    files[value["path"]] = StoredFile(base64.b64decode(value["content"]), large=False)
                case "lfsFile":
                    if value["oid"] not in self._objects:
                        raise Refused(400, f"the object {value['oid']} was not uploaded")
                    files[value["path"]] = StoredFile(self._objects[value["oid"]], large=True)
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
        commit = self._commit(repo, branch, files, title)
        place = f"{self.url}/{'datasets/' if repo.kind == 'dataset' else ''}{repo.repo_id}"
        told = {"success": True, "commitOid": commit.oid, "commitUrl": f"{place}/commit/{commit.oid}", "hookOutput": ""}
        return as_json(told)

    def _commit(self, repo: Repo, branch: str, files: dict[str, StoredFile], title: str) -> Commit:
        parent = repo.branches.get(branch)
        content = [repo.kind, repo.repo_id, parent, title, next(self._counter)]
        oid = hashlib.sha1(json.dumps([content, [(p, f.blob_id) for p, f in files.items()]]).encode()).hexdigest()
        commit = Commit(oid, title, parent, time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()), files)
        repo.history[oid], repo.branches[branch] = commit, oid
        if self._state and branch == "main":
            folder = self._state / f"{repo.kind}s" / repo.repo_id
            shutil.rmtree(folder, ignore_errors=True)
            for path, file in files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(file.data)
        return commit

    def _download(self, user: User | None, repo: Repo, revision: str, path: str, request: Request) -> Response:
        self._require_gate(user, repo)
        commit = self._revision(repo, revision)
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


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that was stopped is no news
            traceback.print_exc()


class _Handler(BaseHTTPRequestHandler):
    hub: StandInHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: the requests are kept in ``StandInHub.requests``."""

    def _handle(self) -> None:
        address = urlsplit(self.path)
        fault = self.hub.take_fault(f"{self.command} {address.path}")
        length = int(self.headers.get("Content-Length") or 0)
        time.sleep(fault.sleep if fault else 0)
        response: Response | None = None
        if self.hub.closed or (fault and fault.drop and not fault.after):
            self.rfile.read(min(length, 65536))
        else:
            body = self.rfile.read(length)
            if fault is None or fault.after or fault.status is None:
                query = parse_qs(address.query)
                response = self.hub.answer(Request(self.command, address.path, query, self.headers, body))
            if fault and fault.status is not None and not fault.drop:
                response = as_json({"error": "injected fault"}, fault.status)
        self._finish(address.path, response, cut=bool(fault and fault.drop))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _handle

    def _finish(self, path: str, response: Response | None, cut: bool = False) -> None:
        """Record the request, then answer it: wholly, by half (``cut``) or not at all."""
        self.hub.record(self.command, path, 0 if response is None or cut else response.status)
        with contextlib.suppress(OSError):  # the client may be gone
            if response is not None:
                self.send_response(response.status)
                for name, value in {**response.headers, "Content-Length": str(len(response.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(response.body[: len(response.body) // 2] if cut else response.body)
            if response is None or cut:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve a stand-in Hugging Face Hub on the loopback interface.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--token", action="append", default=[], metavar="TOKEN[=USER:ROLE]", help="may be repeated")
    parser.add_argument("--state", type=Path, help="a folder to start from and to write to")
    options = parser.parse_args()
    tokens: dict[str, str | tuple[str, str]] = {}
    for given in options.token:
        token, _, who = given.partition("=")
        user, _, role = (who or "tester:write").partition(":")
        tokens[token] = (user, role or "write")
    if options.state:
        options.state.mkdir(parents=True, exist_ok=True)
    with StandInHub(tokens, port=options.port, state=options.state) as hub:
        print(json.dumps({"url": hub.url}), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
