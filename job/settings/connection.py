"""Variables that libraries read on their way to the Hub: addresses, proxies, numbers.

A library takes any text and fails on it late: with a traceback, or like a Hub that is down. No sentence here quotes a value: it
may hold a password that no pattern recognizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from urllib.parse import urlsplit

ENDPOINT = "HF_ENDPOINT"
PROXIES = ("https_proxy", "http_proxy", "all_proxy")
"""In small or capital letters."""
PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
NUMBERS: tuple[tuple[str, Callable[[str], float], str], ...] = (
    ("HF_HUB_ETAG_TIMEOUT", int, "a whole number of seconds"),
    ("HF_HUB_DOWNLOAD_TIMEOUT", int, "a whole number of seconds"),
    ("HF_DATASETS_IN_MEMORY_MAX_SIZE", float, "a number of bytes"),
)
"""Those that a library turns into a number while it is imported (huggingface_hub 2.4, datasets 5)."""


def wrong_connection(environ: MutableMapping[str, str]) -> Iterator[str]:
    """One sentence for each variable with a value that means nothing. Blanks around a value are removed."""
    yield from _wrong_endpoint(environ)
    for name in proxy_variables(environ):
        environ[name] = address = environ[name].strip()
        with_scheme = address if "://" in address else f"http://{address}"  # as the Hub's client reads it
        if address and not _is_address(with_scheme, PROXY_SCHEMES):
            yield (
                f"{name}: must be http://, https:// or socks5://, a host and a port, as in http://proxy.example:3128; in a "
                "user's name or a password write / as %2F, # as %23, ? as %3F, @ as %40"
            )
    yield from _wrong_numbers(environ)


def proxy_variables(environ: Mapping[str, str]) -> list[str]:
    """The names of those that are set. Their values may hold passwords."""
    return sorted(name for name, value in environ.items() if name.lower() in PROXIES and value)


def _wrong_endpoint(environ: MutableMapping[str, str]) -> Iterator[str]:
    """The Hub's client takes any text. An empty value means the default here too."""
    address = environ.pop(ENDPOINT, "").strip()
    if not address:
        return
    environ[ENDPOINT] = address
    if not _is_address(address, ("http", "https")):
        yield f"{ENDPOINT}: must be http:// or https://, a host and perhaps a port, as in https://huggingface.co"


def _wrong_numbers(environ: MutableMapping[str, str]) -> Iterator[str]:
    """An empty value means the default here too, which the libraries do not know."""
    for name, kind, words in NUMBERS:
        value = environ.pop(name, "").strip()
        if not value:
            continue
        environ[name] = value
        try:
            wrong = kind(value) < 0
        except ValueError:
            wrong = True
        if wrong:
            yield f"{name}: must be {words}"


def _is_address(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:  # a port that is no number, or brackets around no IPv6 address
        return False
    whole = "@" not in parts.path + parts.query + parts.fragment  # else they begin within a password
    one_word = text.isprintable() and len(text.split()) == 1
    return parts.scheme in schemes and bool(parts.hostname) and port != 0 and whole and one_word
