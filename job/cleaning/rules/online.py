"""Advice beside the mention of a service online, which is what closings.py cuts. Data for forum.py."""

from __future__ import annotations

from job.cleaning.rules.boilerplate import pattern

SIGN = "nline"
"""A sentence without it is not looked at, whether it has a capital or not."""
_BACK = r"(?:revert|(?:get|come|write|report)\s+back)\b"
_SERVICE = (
    r"(?:consult|follow[\s-]*up|(?:take|have|seek|get|opt\s+for|go\s+for|book)\s+(?:an?\s+)?(?=online)|(?:via|through|by)\s+(?:an?\s+)?(?=online)|"
    r"(?=online))"
)
_THEN = r"(?:(?:then|please|kindly|also|you\s+can|may)\s+)*"
_WITHIN = r"(?:(?!\s(?:and|or)\s(?!\w+(?:ists?|ians?)\b))[^.!?,\n]){0,90}?"
_CLAUSE = pattern(
    rf"\s*(?:,?\s+and\s+{_THEN}(?:for\s+(?:more|further|any)\s+\w+,?\s+)?(?:{_BACK}|consult\b|follow[\s-]*up\b)|,?\s+or\s+{_THEN}{_SERVICE}|,?\s+{_THEN}{_BACK})"
    rf"{_WITHIN}\bonline\b[^.!?\n]{{0,60}}[.!?\s]*$"
)
"""The last clause, as far as it is about the service: "and revert to a botanist online", "or online"."""
_OPEN = pattern(
    r"\b(?:you|u|i|we|to|please|kindly|can|could|should|must|may|will|would|and|or|then|also|always|if|when|(?<!at )once|only|"
    r"either)$"
)
_ASKS = pattern(
    r"^\W*(?:(?:please|kindly|do|also|and|so|then|you\s+(?:can|may|should))\s+)*(?:send|upload|attach|post|share|provide|forward|submit|e?-?mail|answer|"
    r"tell|mention|describe|write|reply|note|revert|get\s+back)\b"
)
_EITHER = pattern(r"\beither\s+(?=in[\s-]+person\b)")
IN_PERSON = pattern(
    r"\b(?:in[\s-]+person|face[\s-]+to[\s-]+face|physically|(?:in|at)\s+an?\s+(?:clinic|hospital))\b(?!\s+(?:with|to)\s+(?:me|us)\b)|"
    r"\b(?:meet|see|visit|consult)\s+(?:an?|your|the)\s+(?:[\w-]+\s+){1,3}(?:directly|personally|nearby|locally|near\s+you|"
    r"in\s+your\s+(?:area|city|town|locality))\b"
)
_IN_CASE = pattern(
    r"^(?!.*\b(?:revert|get\s+back|write\s+back|follow[\s-]*up)\b)(?=.*\b(?:consult|see|visit)\b).*\b(?:if|in\s+case|when)\s[^.!?\n]{0,60}?\b"
    r"(?:persist\w*|continu\w+|wors\w+|increas\w+|recur\w*|returns?|aggravat\w+|no\s+(?:relief|improvement)|"
    r"(?:not|n['’]t)\s+(?:\w+\s+)?(?:improv|better|reliev|subsid|heal|settl)\w*)\b"
)


def is_advice(sentence: str) -> bool:
    """Whether it sends the reader to somebody in person, or if a trouble stays: "If it persists, see a botanist online"."""
    return bool(IN_PERSON.search(sentence) or _IN_CASE.match(sentence))


def before(sentence: str) -> str:
    """What stands before a clause about a service online, if it can be advice; may be empty."""
    found = _CLAUSE.search(sentence)
    head = sentence[: found.start()].rstrip(" ,") if found else ""
    if head and not _OPEN.search(head) and not _ASKS.match(head):
        return _EITHER.sub("", head)
    return ""
