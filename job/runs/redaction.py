"""Keeps secrets out of everything that is written: logs, tracebacks, records, pages.

Knows the secrets of this run by value, in every form in which a library may print them; Hub tokens and what grants access in a
URL (credentials, signatures) also by their shape.
"""

from __future__ import annotations

import html
import json
import os
import re
import select
import sys
from base64 import b64encode
from collections.abc import Container, Iterable, Iterator, Mapping
from io import TextIOWrapper
from typing import Any, TextIO
from urllib.parse import quote, quote_plus, unquote

from job.settings.fields import PREFIX

TOKEN = re.compile(r"hf_(?:oauth|jwt)_[\w-]+(?:\.[\w-]+)*|hf_[A-Za-z0-9]{20,}")
CREDENTIALS = re.compile(
    r"((?:://|https?:/)[^\s/?#:@\[\"'<>`]*:)(?!/|\d+[/?#])([^\s\"'<>`]{1,256})(?=@)"
    r"|(:/{1,2}(?:[^\s/?#:@\"'<>`]*:)?)([^\s/?#\"'<>`]+)(?=@)"
)
"""`scheme://user:password@`: the beginning up to the password, and the password. At first with everything up to the last `@`:
some leave `/`, `?` and `#` as they are. Digits before one of these are a port, and what follows a path. The second form is for
`scheme://secret@` too. One slash is left where the URL was taken for a path."""
SIGNED = re.compile(
    r"((?:[?&;]|\\u0026)[\w.-]*(?:sig|signature|token|credential|key|secret|password)=)[^\s&\"'<>`\\]+", re.IGNORECASE
)
"""The name and the value of what grants access in the query of a URL, such as X-Amz-Signature, sig or access_token."""
QUERY = re.compile(r"\b[A-Za-z][\w+.-]{0,20}:/{1,2}[^\s?\"'<>]{0,1000}\?[^\s\"'<>]*")
QUERY_VALUE = re.compile(r"([?&](?:[\w.-]+=)?)[^&]+")
"""A URL with a query, and what stands in it: any name may be that of a key, such as code or auth."""
OF_A_COPY = re.compile(r"(?<![\w.-])([\w.-]+:)(?!/)[^\s/:@\"'<>]+(?=@(?!sha256:)[\w.-]+:\S)")
"""`user:password@host:path`, as scp takes it: the user and the password. What has a digest behind its tag is an image."""
WITH_BLANKS = re.compile(r":/{1,2}[^\s/?#:@]*:(?!\d+[/?#\s,])([^@\s]*\s[^@]*)@")
"""The password of a URL in a value of its own, where a blank does not end it as in a text."""
TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
OF_TRACKERS = ("WANDB_API_KEY", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
STARS = "**********"
SHORTEST = 4
SHORTEST_BASE64 = 8
_known: set[str] = set()


def hide(secret: str) -> None:
    """From now on `redact` replaces this value, also where it stands percent-encoded, in base64, in JSON or in HTML."""
    if len(secret) >= SHORTEST:  # shorter ones would star out half of every text
        _known.update(_forms(secret))


def hide_secrets(environ: Mapping[str, str]) -> None:
    """Hide every token of the Hub and of trackers, whatever its shape, and every password in these variables."""
    for name in (*TOKENS, *OF_TRACKERS):
        value = environ.get(name, "")
        for token in (value.strip(), *value.replace('"', " ").replace("'", " ").split()):
            hide(token)
    hide_passwords(environ)


def hide_passwords(environ: Mapping[str, str]) -> None:
    """Hide the password of every URL in these variables: HF_ENDPOINT, proxies, package indexes, whatever else is there."""
    for name, value in environ.items():
        passwords = [match[2] or match[4] for match in CREDENTIALS.finditer(value)]
        if name.lower().endswith("_proxy"):
            passwords.append(_password_of(value))
        if name.upper().startswith(PREFIX):
            passwords += WITH_BLANKS.findall(value)
        for password in passwords:
            for part in (
                password,
                *re.split(r"[/?#,=\s]", password),
            ):  # who takes it for a path or a list quotes a part
                hide(part)
                hide(unquote(part))


def _password_of(proxy: str) -> str:
    """Everything between the first colon and the last `@` of `[scheme://][user:]password@host:port`, whatever stands there."""
    scheme, separator, rest = proxy.partition("://")
    user, colon, password = (rest if separator else scheme).rpartition("@")[0].partition(":")
    return password if colon else user


def redact(text: str, *, shortest: int = SHORTEST) -> str:
    """`shortest`: length from which a secret is known by its value."""
    for secret in sorted(_known, key=len, reverse=True):  # a shorter one may be a part of a longer one
        if len(secret) >= shortest:
            text = text.replace(secret, STARS)
    text = SIGNED.sub(rf"\1{STARS}", TOKEN.sub(STARS, text))
    return CREDENTIALS.sub(lambda found: f"{found[1] or found[3]}{STARS}", text)


def redact_message(text: str) -> str:
    """What people are told may quote any value: there each value in the query of a URL goes too, and the password before a host
    as scp takes it. Rows keep theirs."""
    text = QUERY.sub(lambda url: QUERY_VALUE.sub(rf"\1{STARS}", url[0]), redact(text))
    return OF_A_COPY.sub(rf"\1{STARS}", text)


def redact_values(value: Any, *, shortest: int = SHORTEST) -> Any:
    """JSON values with every text redacted. Keys, numbers and hashes stay: a password may be a common word or a number."""
    if isinstance(value, dict):
        return {key: redact_values(one, shortest=shortest) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [redact_values(one, shortest=shortest) for one in value]
    return redact(value, shortest=shortest) if isinstance(value, str) and not HASH.fullmatch(value) else value


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process that needs none: without the variables whose value holds a secret."""
    return {name: value for name, value in environ.items() if redact(value) == value}


PIECE_BYTES = 4096
"""So much a pipe takes at once or not at all."""
PATIENCE_SECONDS = 2.0
_stuck: set[int] = set()


def write_where_read(descriptor: int, data: bytes) -> None:
    """All of it where somebody reads. Where a pipe or a terminal takes nothing for two seconds the rest is lost, and what
    follows until it takes something again: a log that nobody reads must not hold a run. Raises OSError."""
    while data:
        _, ready, _ = select.select([], [descriptor], [], 0 if descriptor in _stuck else PATIENCE_SECONDS)
        if not ready:
            _stuck.add(descriptor)
            return
        _stuck.discard(descriptor)
        data = data[os.write(descriptor, data[:PIECE_BYTES]) :]


class RedactedStream:
    """A text stream for whatever libraries print past the job's log: progress, warnings, lines of handlers of their own.

    `is_log`: what nobody reads may be lost.
    """

    def __init__(self, stream: TextIO, *, is_log: bool) -> None:
        self._stream = stream
        self._is_log = is_log

    def write(self, text: str) -> int:
        shown = redact_message(text) if self._is_log else redact(text)
        try:
            descriptor = self._stream.fileno() if self._is_log else None
        except (OSError, ValueError):  # not a file of the system
            descriptor = None
        if descriptor is None:
            self._stream.write(shown)
        else:
            self._stream.flush()
            write_where_read(descriptor, shown.encode(errors="backslashreplace"))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def redact_streams(logs: Container[str] = ("stderr",)) -> None:
    """From now on this process prints no secret; what it starts later inherits the plain descriptors. `logs`: the streams that
    hold no result."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, TextIOWrapper):  # a locale without umlauts would end a command at the first one
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        if stream and not isinstance(stream, RedactedStream):  # None where the caller has closed it
            setattr(sys, name, RedactedStream(stream, is_log=name in logs))


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield from (quote(secret, safe=""), quote_plus(secret))
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    yield from (html.escape(secret), html.escape(secret).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"))
    for form in _in_base64(secret.encode()):
        if len(form) >= SHORTEST_BASE64:
            yield from (form, form.replace("+", "-").replace("/", "_"))


def _in_base64(secret: bytes) -> Iterator[str]:
    """What base64 shows of it wherever it stands in a longer text, as in `Basic base64(user:password)`.

    The text before it shifts it by 0, 1 or 2 bytes; characters that it shares with its neighbours are left out.
    """
    for before in range(3):
        encoded = b64encode(bytes(before) + secret).decode()
        yield encoded[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]
