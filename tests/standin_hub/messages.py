"""A request, a response, and a refusal in the form that the clients understand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message[str, str]
    body: bytes
    server: str
    """The server's own address, for links in answers."""

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
    """The request ends here with an error; the clients tell the cases apart by status and X-Error-Code."""

    def __init__(self, status: int, message: str, code: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        sent = {"X-Error-Message": message.encode("ascii", "replace").decode(), **(headers or {})}
        if code:
            sent["X-Error-Code"] = code
        self.response = as_json({"error": message}, status, sent)
