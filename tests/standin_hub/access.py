"""Who a token belongs to, and what that user may see and write.

As on the Hub: a token has a user and a role, users write only below their own name, private repositories do not exist for
others, and the files of gated ones are refused while their listing stays open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.standin_hub.messages import Refused, Request
from tests.standin_hub.repositories import Kind, Repo, Store

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
        """The answer to whoami."""
        token: dict[str, Any] = {"displayName": "stand-in", "role": self.role, "createdAt": "2026-01-01T00:00:00.000Z"}
        if self.role.startswith("fine-grained"):
            entity = {"_id": "0" * 24, "type": "user", "name": self.name}
            scope = {"entity": entity, "permissions": list(PERMISSIONS[self.role])}
            details = {"canReadGatedRepos": True, "global": [], "scoped": [scope]}
            token |= {"role": "fineGrained", "fineGrained": details}
        auth = {"type": "access_token", "accessToken": token}
        return {"type": "user", "id": "0" * 24, "name": self.name, "fullname": self.name, "orgs": [], "auth": auth}


def users_by_token(tokens: Mapping[str, str | tuple[str, str]]) -> dict[str, User]:
    """From (user name, role), or from a role alone for the user "tester"."""
    pairs = {token: ("tester", who) if isinstance(who, str) else who for token, who in tokens.items()}
    users = {token: User(name, role) for token, (name, role) in pairs.items()}
    if unknown := {user.role for user in users.values()} - set(PERMISSIONS):
        raise ValueError(f"unknown role {unknown}; known: {', '.join(PERMISSIONS)}")
    return users


def authenticate(users: Mapping[str, User], request: Request) -> User | None:
    sent = request.headers.get("Authorization")
    if not sent:
        return None
    user = users.get(sent.removeprefix("Bearer "))
    if user is None:
        raise Refused(401, "Invalid credentials in Authorization header")
    return user


def require_user(user: User | None) -> User:
    if user is None:
        raise Refused(401, "Invalid username or password.")
    return user


def visible_repo(store: Store, user: User | None, kind: Kind, repo_id: str) -> Repo:
    repo = store.repos.get((kind, repo_id))
    if repo is None or (repo.private and not _admits(repo, user)):
        raise Refused(404 if user else 401, "Repository not found", "RepoNotFound")
    return repo


def require_gate(user: User | None, repo: Repo) -> None:
    if repo.gated and not _admits(repo, user):
        advice = "Ask for access on its page." if user else "You must have access to it and be authenticated."
        message = f"Access to {repo.kind} {repo.repo_id} is restricted. {advice}"
        raise Refused(403 if user else 401, message, "GatedRepo")


def require_writer(user: User | None, repo: Repo, message: str = "") -> None:
    if user is None:  # huggingface_hub reads a bare 401 as a missing repository, but only below https://
        raise Refused(401, "Invalid username or password.", "RepoNotFound")
    if not user.may_write(repo.namespace):
        raise Refused(403, message or "Forbidden: pass `create_pr=1` as a query parameter to create a Pull Request")


def _admits(repo: Repo, user: User | None) -> bool:
    return user is not None and (user.name == repo.namespace or user.name in repo.allowed)
