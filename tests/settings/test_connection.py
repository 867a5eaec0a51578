"""What the way to the Hub needs is refused by the name of its variable, before any library fails on it."""

from __future__ import annotations

import os

import pytest

from job.settings.connection import NUMBERS, PROXIES, proxy_variables
from job.settings.loading import load_settings
from tests.settings.problems import problems

pytestmark = pytest.mark.light


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, *map(str.upper, PROXIES)):
        monkeypatch.delenv(name, raising=False)


NO_ADDRESSES = (
    *("not-a-url", "hub.example", "ftp://hub.example", "https://", "https://hub .example", "https://[::1"),
    *(
        "https://hub.example:port",
        "https://hub.example:0",
        "https://hub.example:99999",
        "user:correct-horse@hub.example",
        "https://user:80#horse@hub.example",
    ),
)


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_an_endpoint_that_is_no_address_is_a_problem_like_any_other(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    endpoint, other = problems(monkeypatch, DATA_SOURCES="owner/name", LORA_R="many")
    assert (
        endpoint == "HF_ENDPOINT: must be http:// or https://, a host and perhaps a port, as in https://huggingface.co"
    )
    assert other.startswith("FINETUNE_LORA_R")


@pytest.mark.parametrize(
    "address",
    ["https://huggingface.co/", "http://127.0.0.1:8080", "http://[::1]:80/hub", "https://user:pw@hub.example"],
)
def test_any_other_endpoint_stays_as_it_is(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINETUNE_DATA_SOURCES", "owner/name")
    monkeypatch.setenv("HF_ENDPOINT", f" {address} ")
    load_settings()
    assert os.environ["HF_ENDPOINT"] == address


def test_an_empty_endpoint_means_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINETUNE_DATA_SOURCES", "owner/name")
    monkeypatch.setenv("HF_ENDPOINT", " ")
    load_settings()
    assert "HF_ENDPOINT" not in os.environ


NO_PROXIES = (
    *("http://user:s3cr3tpart#tail9@proxy:3128", "http://user:s3cr3t/tail9@proxy:3128", "user:s3cr3t?tail9@proxy:3128"),
    *(
        "http://user:80/tail9@proxy:3128",
        "http://proxy:port",
        "http://",
        "ftp://proxy",
        "http://pro xy:3128",
        "http://[::1",
    ),
    "http://user:s3\x00cr3t@proxy:3128",
)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("address", NO_PROXIES)
def test_a_proxy_that_no_client_can_use_is_a_problem_without_its_value(
    name: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, name: address})  # a real one holds no zero byte
    (said,) = problems(monkeypatch, DATA_SOURCES="owner/name")
    assert said.startswith(f"{name}: must be http://, https:// or socks5://, a host and a port")
    assert "s3cr3t" not in said and "tail9" not in said


@pytest.mark.parametrize(
    "address",
    [
        "http://proxy:3128/",
        "user:p%2Fw@proxy:3128",
        "socks5h://user:pw@proxy:1080",
        "http://user:p@ss@[::1]:80",
        "proxy",
    ],
)
def test_any_other_proxy_stays_as_it_is(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINETUNE_DATA_SOURCES", "quickstart")
    monkeypatch.setenv("https_proxy", f"{address} ")
    monkeypatch.setenv("HTTP_PROXY", "")
    load_settings()
    assert os.environ["https_proxy"] == address
    assert proxy_variables(os.environ) == ["https_proxy"]


@pytest.mark.parametrize("name", [number[0] for number in NUMBERS])
def test_a_number_that_a_library_reads_while_it_is_imported(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINETUNE_DATA_SOURCES", "owner/name")
    for good in (" 30 ", ""):
        monkeypatch.setenv(name, good)
        load_settings()
        assert os.environ.get(name, "") == good.strip()
    for wrong in ("abc", "-1", "ten seconds"):
        monkeypatch.setenv(name, wrong)
        (said,) = problems(monkeypatch, DATA_SOURCES="owner/name")
        assert said.startswith(f"{name}: must be a ")
        monkeypatch.delenv(name)
