"""StandInHub: what a test arranges and looks at."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Collection, Mapping
from pathlib import Path

from tests.standin_hub.access import users_by_token
from tests.standin_hub.faults import Fault, Faults
from tests.standin_hub.messages import Refused, Request, Response, as_json
from tests.standin_hub.repositories import Commit, Files, Kind, Repo, Store
from tests.standin_hub.routes import route
from tests.standin_hub.server import Server


class StandInHub:
    def __init__(
        self, tokens: Mapping[str, str | tuple[str, str]] | None = None, port: int = 0, state: Path | None = None
    ) -> None:
        """``tokens`` maps a token to (user name, role), or to a role alone for the user "tester"."""
        self.users = users_by_token(tokens or {})
        self.requests: list[tuple[str, str, int]] = []  # status 0: the connection was cut
        self.closed = False
        self._port, self._state = port, state
        self._store = Store(state)
        self._faults = Faults()
        self._lock = threading.RLock()
        self._server: Server | None = None

    # The life of the server

    def __enter__(self) -> StandInHub:
        self._server = Server(self, self._port)
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
            repo = self._store.add(kind, repo_id, private, gated, allowed)
            return self._store.change(repo, files or {}, "initial commit").oid

    def add_commit(self, kind: Kind, repo_id: str, files: Files, title: str = "change") -> str:
        """Add or replace files at the head of main, as somebody else would; returns the commit."""
        with self._lock:
            return self._store.change(self.repo(kind, repo_id), files, title).oid

    def repo(self, kind: Kind, repo_id: str) -> Repo:
        return self._store.repos[kind, repo_id]

    def files(self, kind: Kind, repo_id: str, revision: str = "main") -> dict[str, bytes]:
        commit = self.repo(kind, repo_id).find(revision)
        if commit is None:
            raise KeyError(f"{kind} {repo_id} has no revision {revision}")
        return {path: file.data for path, file in commit.files.items()}

    def commits(self, kind: Kind, repo_id: str, revision: str = "main") -> list[Commit]:
        """The commits that lead to a revision, the newest first."""
        return list(self.repo(kind, repo_id).log(revision))

    def stored(self) -> dict[str, bytes]:
        """Everything that was ever pushed: each file of each commit, and what the commit says."""
        with self._lock:
            found = {}
            for (kind, repo_id), repo in self._store.repos.items():
                for oid, commit in repo.history.items():
                    place = f"{kind} {repo_id} at {oid[:7]}"
                    found[f"{place}: message"] = f"{commit.title}\n{commit.description}".encode()
                    found |= {f"{place}: {path}": file.data for path, file in commit.files.items()}
            return found

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
            self._faults.add(Fault(re.compile(match), status, times, after, drop, sleep))

    def lie(self, match: str, body: bytes) -> None:
        """Answer all such requests with 200 and this body."""
        with self._lock:
            self._faults.add(Fault(re.compile(match), 200, 10**6, after=False, drop=False, sleep=0, body=body))

    def trickle(self, match: str, pace: float) -> None:
        """Answer all such requests rightly, at `pace` bytes a second."""
        with self._lock:
            self._faults.add(Fault(re.compile(match), None, 10**6, after=False, drop=False, sleep=0, pace=pace))

    def remove_commit(self, kind: Kind, repo_id: str, commit: str) -> None:
        """As after a force push: nothing leads to it any more, and the Hub has cleaned up."""
        with self._lock:
            del self.repo(kind, repo_id).history[commit]

    @property
    def faults_met(self) -> int:
        """How many requests have met a fault, whether it is over or not."""
        return self._faults.met

    def has(self, kind: Kind, repo_id: str) -> bool:
        return (kind, repo_id) in self._store.repos

    def forgive(self) -> None:
        """No more injected faults."""
        with self._lock:
            self._faults.clear()

    # What the server calls

    def take_fault(self, line: str) -> Fault | None:
        with self._lock:
            return self._faults.take(line)

    def record(self, method: str, path: str, status: int) -> None:
        with self._lock:
            self.requests.append((method, path, status))
            if self._state:
                with (self._state / "requests.jsonl").open("a") as log:
                    log.write(json.dumps([method, path, status]) + "\n")

    def answer(self, request: Request) -> Response:
        with self._lock:
            if (request.method, request.path) == ("POST", "/_fail"):
                self.fail(**request.json())
                return as_json({})
            try:
                return route(self._store, self.users, request)
            except Refused as refused:
                return refused.response
