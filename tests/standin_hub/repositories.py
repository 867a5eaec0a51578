"""Files, commits and repositories, in memory and, if wanted, in a folder. Knows no user and no HTTP."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

Kind = Literal["model", "dataset"]
Files = Mapping[str, bytes]
KINDS: tuple[Kind, ...] = ("model", "dataset")
LARGE_FILE_BYTES = 10 * 1024 * 1024
LARGE_FILE_NAME = re.compile(r"\.(safetensors|bin|pt|onnx|gguf|parquet|arrow|zip|tar|gz|zst|model)$|tokenizer\.json$")


def is_large(path: str, size: int) -> bool:
    return size > LARGE_FILE_BYTES or (size > 0 and LARGE_FILE_NAME.search(path) is not None)


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
    description: str = ""

    def tree(self) -> dict[str, dict[str, Any]]:
        """Every file and folder by its path, as the Hub lists them."""
        tree: dict[str, dict[str, Any]] = {}
        for path, file in sorted(self.files.items()):
            for folder in reversed([str(parent) for parent in Path(path).parents if str(parent) != "."]):
                oid = hashlib.sha1(f"{self.oid}:{folder}".encode()).hexdigest()
                tree.setdefault(folder, {"type": "directory", "path": folder, "size": 0, "oid": oid})
            entry: dict[str, Any] = {"type": "file", "path": path, "size": len(file.data), "oid": file.blob_id}
            if file.large:
                entry["lfs"] = {"oid": file.sha256, "size": len(file.data), "pointerSize": 134}
            tree[path] = entry
        return tree


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

    @property
    def page(self) -> str:
        """The path of its page."""
        return f"datasets/{self.repo_id}" if self.kind == "dataset" else self.repo_id

    def find(self, revision: str) -> Commit | None:
        name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        return self.history.get(self.branches.get(name) or self.tags.get(name) or revision)

    def log(self, revision: str) -> Iterator[Commit]:
        commit = self.find(revision)
        while commit:
            yield commit
            commit = self.history.get(commit.parent or "")


class Store:
    """All repositories, and the large files that were uploaded. With a folder, ``main`` of each is kept there too."""

    def __init__(self, folder: Path | None = None) -> None:
        self.repos: dict[tuple[Kind, str], Repo] = {}
        self.objects: dict[str, bytes] = {}
        self._folder = folder
        self._counter = itertools.count()
        for kind in KINDS if folder else ():
            for place in Path(folder or ".", f"{kind}s").glob("*/*"):
                found = [path for path in place.rglob("*") if path.is_file()]
                files = {path.relative_to(place).as_posix(): path.read_bytes() for path in found}
                self.change(self.add(kind, f"{place.parent.name}/{place.name}"), files, "initial commit")

    def add(
        self, kind: Kind, repo_id: str, private: bool = False, gated: bool = False, allowed: Collection[str] = ()
    ) -> Repo:
        """A repository without a commit."""
        if (kind, repo_id) in self.repos:
            raise ValueError(f"there is already a {kind} {repo_id}")
        repo = self.repos[kind, repo_id] = Repo(kind, repo_id, private, gated, frozenset(allowed))
        return repo

    def change(self, repo: Repo, files: Files, title: str) -> Commit:
        """Add or replace files at the head of main."""
        new = {path: StoredFile(data, is_large(path, len(data))) for path, data in files.items()}
        self.objects |= {file.sha256: file.data for file in new.values() if file.large}
        head = repo.find("main")
        return self.commit(repo, "main", {**(head.files if head else {}), **new}, title)

    def commit(
        self, repo: Repo, branch: str, files: dict[str, StoredFile], title: str, description: str = ""
    ) -> Commit:
        """Make these the files of the branch."""
        parent = repo.branches.get(branch)
        content = [repo.kind, repo.repo_id, parent, title, next(self._counter)]
        oid = hashlib.sha1(json.dumps([content, [(p, f.blob_id) for p, f in files.items()]]).encode()).hexdigest()
        date = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        commit = Commit(oid, title, parent, date, files, description)
        repo.history[oid], repo.branches[branch] = commit, oid
        if self._folder and branch == "main":
            self._write(self._folder / f"{repo.kind}s" / repo.repo_id, files)
        return commit

    @staticmethod
    def _write(place: Path, files: Mapping[str, StoredFile]) -> None:
        shutil.rmtree(place, ignore_errors=True)
        for path, file in files.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(file.data)
