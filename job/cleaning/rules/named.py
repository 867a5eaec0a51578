"""What stays of a sentence that breaks off behind a name: what is said of it, the members of a bracket, and a diagnosis."""

from __future__ import annotations

import re

from job.cleaning.rules.boilerplate import pattern

_WHICH = re.compile(r"(?<=[a-z,)] )(?:[A-Z][\w-]*|\([A-Za-z][^()]*\))(?P<which> (?:which|who)(?: [^,;:()]*)?)$")
"""A clause about a name, or about what a bracket names, limits nothing; "avoid foods which" would."""
_STRESSED = pattern(r"\W*(?:\w+\s+){0,2}(?:it|this|that)(?:\s+is|['’]s)\s")
"""There the clause is what is said: "It is not Lorem which helps"."""
_LAST = re.compile(
    r"(?:,?\s+(?:and|or|with|plus)\b|\s*[,+/]|\s+&|(?<=\w\w)&)(?:\s*[\w-]+(?:\s+[\w-]+)?)?\s*$", re.IGNORECASE
)
_NAME = r"(?-i:[A-Z])[\w-]+"
_LABEL = (
    r"(?:(?:my|the|your)\s+)?(?:(?:most|probable|possible|likely|provisional|differential|working|final|clinical)\s+)*"
    r"(?:diagnos[ie]s|impression|causes?)\s*:\s*"
)
DIAGNOSIS = pattern(
    rf"{_LABEL}(?!(?:the|an?|to|if|as|due)\b)[\w'’-]{{3,}}(?:(?:,?\s+|/)[\w'’-]+){{0,6}}(?:\s+\([^()]+\))?$"
)
"""It stands without a verb: "Diagnosis: leaf rust"."""
_WITH = pattern(
    rf"^(?P<head>(?:{_LABEL}|(?:(?:so|most\s+likely|probably)\b,?\s+)?(?:you|he|she|(?:your|the)\s+[\w-]+)\s+(?:(?:may|might|could|must|probably|likely|also|"
    r"seems?\s+to|appears?\s+to)\s+)*(?:have|has)\s+(?!(?:no|not|to|been|got|had|any|never|only|nothing|less|few|both)\b))(?:[\w'’-]+\s+){0,4}?"
    r"(?:(?!(?:contact|problems?|trouble|issues?|difficult\w*|experience|interact\w*|success|sex|intercourse|relations\w*|\w+ed|\w+ing|along|together|sensitivity|"
    r"allerg\w+|compliance|comfortable|familiar|associated|consistent|it|them|this|that|one|tests?|surgery|treatment)\b)[\w'’-]{3,}|\([^()]{3,60}\)))"
    r"\s+with(?:\s+(?:an?|the|some|mild|severe|moderate))?$"
)
"""What somebody has, before what came with it: "You have rust (a mould) with"."""
_STANDS = pattern(
    rf"{_NAME}\s+is\s+(?:an?\s+)?{_NAME}$|{_NAME}(?:\s+[\w-]+)?\s+\d[\d.]*\s*(?:mg|mcg|ml|g)?\s+\([^()]+\)\.$|"
    rf"(?:take|use|try|start|give|avoid)\s+{_NAME}\s+\([^()]+\)$|"
    r"(?:(?:and|also)\s+)?(?:an?|some)\s+(?:[\w-]+\s+){0,2}(?:antihistamine|steroid|antibiotic|painkiller|decongestant|antacid)s?$"
)


def before_which(broken: str) -> str:
    """The sentence before an unfinished clause about a name: "Lorem is Ipsum which is"; may be empty."""
    found = _WHICH.search(broken) if " wh" in broken else None
    return broken[: found.start("which")] if found and not _STRESSED.match(broken) else ""


def before_with(broken: str) -> str:
    """What somebody has, without what it came with; may be empty."""
    found = _WITH.match(broken) if " with" in broken[-16:] else None
    return found["head"] if found else ""


def members(inside: str) -> str:
    """The members of an open bracket before the broken one: "Lorem and Ip"; may be empty."""
    found = _LAST.search(inside)
    return inside[: found.start()] if found else ""


def stands(clause: str) -> bool:
    """Whether a few words stand that name a thing: "Lorem is Ipsum", "Lorem 250 (Ipsum).", "Take Lorem (ipsum)", "A mild
    steroid", from which the next sentence goes on."""
    return bool(_STANDS.match(clause) or DIAGNOSIS.match(clause))
