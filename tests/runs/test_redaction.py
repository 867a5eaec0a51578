"""What is kept out of everything that is written."""

from __future__ import annotations

import html
import io
import json
import logging
import os
import re
import sys
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import quote

import markupsafe
import pytest

from job.runs import redaction
from job.runs.redaction import (
    STARS,
    hide,
    hide_passwords,
    hide_secrets,
    redact,
    redact_message,
    redact_streams,
    redact_values,
    without_secrets,
    write_where_read,
)

pytestmark = pytest.mark.light

PASSWORD = "correct-horse-battery"


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(redaction, "_known", set())
    yield


def test_a_secret_is_hidden_by_its_value_wherever_it_stands() -> None:
    text = f"login failed twice: {PASSWORD}"
    assert redact(text) == text
    hide(PASSWORD)
    assert redact(text) == f"login failed twice: {STARS}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("get http://user:pw@host/x failed", f"get http://user:{STARS}@host/x failed"),
        ("socks5h://user:p@ss:word@proxy:1080", f"socks5h://user:{STARS}@proxy:1080"),
        ("no file https:/user:pw@host/rows.jsonl", f"no file https:/user:{STARS}@host/rows.jsonl"),
        ("http://user:p@ss/w#or?d@proxy:3128 failed", f"http://user:{STARS}@proxy:3128 failed"),
        ("no file https:/user:pa/ss0word@host/rows.jsonl", f"no file https:/user:{STARS}@host/rows.jsonl"),
        ("https://lonetoken@host", f"https://{STARS}@host"),
        ('{"a":"http://u:p@h:80","b":"x@y"}', f'{{"a":"http://u:{STARS}@h:80","b":"x@y"}}'),
    ],
)
def test_credentials_in_a_url_are_known_by_their_shape(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "http://host:8080/a@b",
        "http://host:8080?q=a@b",
        "http://[::1]:80/a@b",
        "https://host/@scope/a@1",
        "PATH=/usr/bin:/bin:/opt/python@3.11/bin",
        "-v /data:/data:ro image@sha256",
        "mail me@host",
        "http://host:80 and x@y",
        '"http://h:80","a@b"',
        "git@host:a/b",
    ],
)
def test_what_only_resembles_credentials_is_kept(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("name", ["HF_ENDPOINT", "https_proxy", "PIP_INDEX_URL"])
def test_passwords_in_the_environment_are_hidden_by_their_value(name: str) -> None:
    hide_passwords({name: f"https://user:{PASSWORD}@host/path", "HOME": "/home/user"})
    assert redact(f"refused {PASSWORD} in /home/user") == f"refused {STARS} in /home/user"


@pytest.mark.parametrize("scheme", ["http://", "", "socks5://"])
@pytest.mark.parametrize("password", ["s3cr3tpart#tail9", "1234/tail9", "s3cr3tpart?tail9", "at@s3cr3t/tail9"])
def test_a_client_that_takes_a_part_of_a_proxys_password_for_a_path_shows_none(scheme: str, password: str) -> None:
    hide_passwords({"HTTP_PROXY": f"{scheme}user:{password}@proxy:3128"})
    for part in (password, *re.split("[/?#]", password)):
        if len(part) >= 4:
            assert redact(f"Invalid port: {part!r}") == f"Invalid port: '{STARS}'"
    assert redact("user of proxy:3128") == "user of proxy:3128"


def test_a_proxys_user_may_be_its_secret() -> None:
    hide_passwords({"ALL_PROXY": "https://s3cr3t/tail9@proxy"})
    assert redact("s3cr3t/tail9, tail9") == f"{STARS}, {STARS}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "no https:/b.example/a.jsonl?X-Amz-Signature=abc%2Fdef=10 here",
            f"no https:/b.example/a.jsonl?X-Amz-Signature={STARS} here",
        ),
        ("https://b.example/a?sv=2024&sig=abc&x=1", f"https://b.example/a?sv=2024&sig={STARS}&x=1"),
        (
            '{"url": "https://b.example/a?x=1\\u0026access_token=abc"}',
            f'{{"url": "https://b.example/a?x=1\\u0026access_token={STARS}"}}',
        ),
        ("a?x=1&amp;X-Goog-Credential=abc&amp;y", f"a?x=1&amp;X-Goog-Credential={STARS}&amp;y"),
        ("https://hub.example/api?recursive=true&design=1", "https://hub.example/api?recursive=true&design=1"),
    ],
)
def test_what_signs_a_url_is_known_by_its_name(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'https://host/rows.jsonl?code=s3cr3t': wrong", f"'https://host/rows.jsonl?code={STARS}': wrong"),
        ("no https:/host/rows.jsonl?x=1&auth=s3=cr;3t here", f"no https:/host/rows.jsonl?x={STARS}&auth={STARS} here"),
        ("s3://bucket/rows?s3cr3t", f"s3://bucket/rows?{STARS}"),
        ("no file or folder user:s3cr3t@host:/rows.jsonl", f"no file or folder user:{STARS}@host:/rows.jsonl"),
        ("/data/user:s3cr3t@host:rows.jsonl", f"/data/user:{STARS}@host:rows.jsonl"),
    ],
)
def test_a_message_shows_no_value_of_a_query_and_no_password_for_a_copy(text: str, expected: str) -> None:
    assert redact_message(text) == expected
    assert redact(text) == text, "an answer keeps its links"


@pytest.mark.parametrize(
    "text",
    [
        "source=./rows-?.jsonl=100",
        "owner/name@main:train=10, sources: owner/name@main:train",
        "image registry:5000/lora-job@sha256:00ff",
        "image python:3.12@sha256:00ff",
        "git@host:a/b",
        "Did https://host/page answer? No: ask me@host: today",
    ],
)
def test_what_only_resembles_them_is_kept_in_a_message(text: str) -> None:
    assert redact_message(text) == text


def test_a_password_may_hold_a_blank() -> None:
    source = "https://user:s3cr3t part2tail@host/rows.jsonl"
    hide_passwords({"FINETUNE_DATA_SOURCES": f"{source},owner/name@main", "MOTD": "see http://a:b for mail me@host"})
    assert redact(f"no {source}") == f"no https://user:{STARS}@host/rows.jsonl"
    assert redact("part2tail of owner/name for mail") == f"{STARS} of owner/name for mail"
    hide_passwords({"FINETUNE_DATA_SOURCES": "http://host:8080, owner/name@main"})
    assert redact("8080 owner/name") == "8080 owner/name"


def test_a_proxy_may_have_no_scheme() -> None:
    hide_passwords({"ALL_PROXY": f"user:{PASSWORD}@proxy:3128", "OTHER": "name:anything@else"})
    assert redact(f"{PASSWORD} anything") == f"{STARS} anything"


def test_a_password_is_hidden_in_each_form_in_which_libraries_print_it() -> None:
    password = 'p&s "w/ö\\rd'
    hide_passwords({"HF_ENDPOINT": f"https://user:{quote(password, safe='')}@host"})
    for form in (
        password,
        quote(password, safe=""),
        json.dumps(password)[1:-1],
        json.dumps(password, ensure_ascii=False)[1:-1],
        html.escape(password),
        str(markupsafe.escape(password)),
    ):
        assert redact(f"<{form}>") == f"<{STARS}>", form


@pytest.mark.parametrize("user", ["", "u", "us", "use", "user"])
def test_basic_authentication_shows_no_password(user: str) -> None:
    """Every base64 character that the password alone decides is gone; its first and last may share one with a neighbour."""
    hide(PASSWORD)
    for encode in (b64encode, urlsafe_b64encode):
        sent = encode(f"{user}:{PASSWORD}@x".encode()).decode()
        shown = redact(f"Authorization: Basic {sent}").removeprefix("Authorization: Basic ")
        assert STARS in shown
        left, _, right = shown.partition(STARS)
        assert len(left) + len(right) <= len(encode(f"{user}:@x".encode())) + 2


def test_a_longer_secret_is_hidden_before_one_that_it_contains() -> None:
    hide("secret")
    hide("secret-and-more")
    assert redact("secret-and-more") == STARS


def test_a_child_that_needs_no_secret_gets_no_variable_that_holds_one() -> None:
    hide(PASSWORD)
    environ = {
        "PATH": "/bin",
        "HF_TOKEN": "hf_" + "a1B" * 8,
        "OTHER": PASSWORD,
        "HF_ENDPOINT": "http://user:pw@host",
    }
    assert without_secrets(environ) == {"PATH": "/bin"}


@pytest.mark.parametrize("token", ["hf_oauth_eyJhbGci.eyJzY29w-Zv8.sig-na_ture", "hf_jwt_eyJhbGci.eyJz.c2ln"])
def test_tokens_with_dots_are_known_by_their_shape(token: str) -> None:
    assert redact(f"with {token}.") == f"with {STARS}."


@pytest.mark.parametrize("value", ['"plain-token"', "plain-token\nplain-token", "plain-token\t"])
def test_a_token_is_hidden_without_what_came_with_it(value: str) -> None:
    hide_secrets({"HF_TOKEN": value})
    assert redact("Bearer plain-token") == f"Bearer {STARS}"


def test_hub_tokens_are_known_by_their_shape() -> None:
    assert redact("token=hf_" + "a1B" * 8 + ", and hf_hub is a word") == f"token={STARS}, and hf_hub is a word"


@pytest.mark.parametrize("secret", ["", "abc"])
def test_a_secret_too_short_to_be_one_stars_out_nothing(secret: str) -> None:
    hide(secret)
    assert redact("abc is no secret") == "abc is no secret"


def test_a_secret_of_four_characters_is_hidden() -> None:
    hide("abcd")
    assert redact("abcd") == STARS


def test_json_stays_json_and_numbers_numbers() -> None:
    for secret in ("train", "8128"):
        hide(secret)
    digest = "8128" * 16
    value = {"train": {"bytes": 118128, "sha256": digest, "says": ["train at 8128", None, True]}}
    assert redact_values(value) == {
        "train": {"bytes": 118128, "sha256": digest, "says": [f"{STARS} at {STARS}", None, True]}
    }
    assert redact_values(value, shortest=12) == value


def test_a_pipe_that_nobody_reads_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(redaction, "_stuck", set())
    reading, writing = os.pipe()
    began = time.monotonic()
    write_where_read(writing, b"x" * 10**6)
    write_where_read(writing, b"lost too, at once")
    assert time.monotonic() - began < 10
    assert len(os.read(reading, 1 << 20)) == 1 << 16, "what a pipe holds"
    write_where_read(writing, b"read again")
    assert os.read(reading, 100).endswith(b"read again")


def test_what_libraries_print_past_the_log_shows_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    """The Hub's client has a log handler of its own, which prints addresses."""
    hide(PASSWORD)
    redact_streams()
    redact_streams()  # as a second call in the same process
    handler = logging.StreamHandler()
    handler.emit(logging.makeLogRecord({"msg": f"HEAD http://user:{PASSWORD}@host"}))
    print(PASSWORD, file=sys.stderr)
    sys.stdout.writelines([f"{PASSWORD}\n", "plain\n"])
    assert sys.stdout.encoding.lower() == "utf-8"
    assert capsys.readouterr() == (f"{STARS}\nplain\n", f"HEAD http://user:{STARS}@host\n{STARS}\n")


def test_a_locale_without_umlauts_changes_nothing_that_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    redact_streams()
    print("Grüße “an” 木")
    sys.stdout.flush()
    assert written.getvalue().decode("utf-8") == "Grüße “an” 木\n"
