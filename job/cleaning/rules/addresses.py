"""What the reader is called or greeted with behind the first words of an answer: "Ferns like shade. Hi, keep it dry."."""

from __future__ import annotations

from job.cleaning.rules.boilerplate import pattern
from job.cleaning.rules.text import capital

GREETS = frozenset(f". {greeting}{behind}" for greeting in ("hi", "hello", "hey") for behind in (" ", ",", "."))
"""One of these is where a sentence in the middle begins with a greeting."""
_GOES_ON = (
    r"(?:i|you|your|we|it|its|it['’]s|this|these|the|there(?!\s+means\b)|as|in|if|for|yes|no|please|kindly|do|don['’]?t|take|use|keep|avoid|stop|"
    r"thanks?|welcome|my|how|what|are|have|since|after|from|according|based)\b"
)
_GREETING = pattern(
    r"^(?:hi+|hello|hey)(?:\s+(?:dear|again|there|sir|madam|friend))*(?:\s*[.!]+\s*$|"
    r"\s*[,.!]+\s+(?!world\b|(?:\w+\s+){1,2}(?:said|says|asked|replied|answered|called|shouted|whispered)\b)(?=\w)|"
    rf"\s+(?={_GOES_ON}))"
)
_NO_ADDRESS = frozenset(
    """my our your a the near and is are was were be been so too very oh hold held pay paid cost costs say says word as more how
    me him us them seem seems get gets got become becomes grow grew for""".split()
)
"""Before "dear" where it is an adjective or a noun."""
_DEAR = pattern(r",?\s+dear(?=\s*[.,!?;])")
DEAR_REACH = 80
"""Characters at the beginning in which the reader is called "dear"; further on it may be a letter or a dialogue."""


def ungreeted(sentence: str) -> str:
    """A sentence without the greeting before it, if it goes on as sentences do."""
    found = _GREETING.match(sentence) if sentence[0] in "hH" else None
    return capital(sentence[found.end() :]) if found else sentence


def without_dear(text: str) -> str:
    """The text without "dear" at the end of its first words: "No need to worry dear."."""
    head = text[:DEAR_REACH]
    if "ear" not in head or not (found := _DEAR.search(head)):
        return text
    before = head[: found.start()].split()
    if not before or before[-1].lower() in _NO_ADDRESS or not before[-1][-1].isalpha():
        return text
    return text[: found.start()] + text[found.end() :]
