"""What the reader is called or greeted with behind the first words of an answer: "Ferns like shade. Hi, keep it dry."."""

from __future__ import annotations

import re

from job.cleaning.rules.boilerplate import pattern
from job.cleaning.rules.names import is_name
from job.cleaning.rules.scrubbed import MAIN_CLAUSE
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
_BY_NAME = pattern(
    r"^(?:hi+|hello|hey|dear)\s+(?:(?P<title>mrs?|ms|miss)\.?\s+)?(?P<name>[a-z]{3,12}+)"
    r"(?:\s*[.]\s+(?=\w)(?!(?:it|its|this|that|these|they|which)\b)|\s+(?=(?:(?:i|you|u)\s+(?:am|are|can|could|should|must|need|may|might|will|would|have|had|did|do|don['’]?t|seem|see|saw|"
    r"think|feel|suggest|recommend|advise|agree|took|take)|(?:it|this|that|there)\s+(?:is|was|seems|looks|may|can|could|might)|"
    r"(?:can|could|did|do|are|have|will|would|should)\s+(?:you|u|i))\b))"
)
_GIVEN_NAMES = (
    r"(?:adam|ahmed|ali|alex|alice|amina|amit|anil|anita|anna|anne|asha|carol|chris|daniel|david|deepa|diana|elena|emily|emma|fatima|george|hannah|hassan|ivan|"
    r"james|jane|jean|jennifer|jessica|john|joseph|julia|karen|kate|kavita|kiran|laura|linda|lisa|lucy|maria|marie|martin|mary|michael|mohammed|mona|monica|"
    r"nadia|natasha|nina|olga|omar|paul|peter|pooja|priya|rachel|rahul|rajesh|ravi|rita|robert|sandra|sanjay|sara|sarah|sita|sofia|sonia|steve|sunita|susan|"
    r"thomas|vijay|zara)"
)
_BY_GIVEN_NAME = pattern(
    rf"^(?:hi+|hello|hey)\s+(?-i:{_GIVEN_NAMES})\s+(?=(?-i:(?!(?:is|was|has|had|and|or|of|who|with|{_GIVEN_NAMES})\b)[a-z-]{{3,}})\s+(?:is|are|was|were|can|may|might|could|should|will|has|have|"
    r"does|do|did|must|helps?|causes?|works?)\b)"
)
"""A name in small letters before the subject of a sentence; any other word could be what is spoken of."""
_TITLED = pattern(
    r"^(?:hi+|hello|hey|dear)(?:\s*,)?\s+(?:dear\s+)?(?:dr|prof|mrs?|ms|miss)\.?\s+(?P<name>[a-z]{3,12}+)"
    rf"(?:\s*[,.!:]+\s+(?=\w)|\s+(?={_GOES_ON}))"
)
"""A name with a title, before a stop or the first word of a sentence."""
_RELATIVE = pattern(
    r"(?:i|you|u)\s(?:(?!\b(?:and|but|so|that|if|because|which|as|when)\b)[^,.!?;]){0,60}\s(?:is|are|was|were|may|can|should)\s"
)
"""Behind a noun, as in "hi sugar you have had may be", and no name."""
_NO_NAMES = frozenset(
    """pain ache fever cough rash acne swelling medicine medication tablet drug dose treatment surgery exercise diet food
    water milk weight test scan report result problem symptom infection allergy condition option way thing reason
    point everything anything nothing something yes yeah yep well okay sure again then but here first sometimes
    however sorry thanks thank welcome how hope also now just only maybe perhaps for because although though once
    unless that such glad wish think guess suppose believe assure see say let had unlike until whatever whether why
    where besides moreover often never ever always meanwhile please kindly great look listen note remember ofcourse
    doctor prof professor mrs miss rev mme herr frau even overall same already quite rather almost earlier later soon
    twice tonight till despite somehow otherwise instead hence therefore half most many few several another either
    neither both each every none nobody somebody someone anyone whenever wherever whichever whoever within beyond
    people women men kidney liver heart skin pregnancy night""".split()
)
"""Behind a greeting no names either: "hi medicine you can take is", "hi hope you are", "hello even i had it". Those of names.py
are known."""
_NO_NAMES_BEHIND_A_TITLE = frozenset(
    """need find feel want know tell got seen done advise suggest recommend prescribe refer treat test hold inside outside
    behind under near over above below around between within without across along through upon against despite except per
    about into onto off out both half even most each every another other same such today tonight now overall
    indeed actual""".split()
)
"""The same behind a title: "hello dr. under the leaf"; commands are known from scrubbed.py."""
_NO_ENDING = re.compile(r"(?:ly|ing|s|tion|ment|ness|ity|ema|thma|ache|emia|pain|logy|like)$")
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


def named_greeting(text: str) -> int:
    """Where a greeting with a name ends that no comma divides from the sentence: "hi megan you should ..."; 0 for none."""
    titled = _TITLED.match(text) if text[:1] in "hHdD" else None
    if titled and _is_person(name := titled["name"].lower()) and name not in _NO_NAMES_BEHIND_A_TITLE:
        return 0 if MAIN_CLAUSE.match(name) else titled.end()
    if text[:1] not in "hHdD":
        return 0
    if given := _BY_GIVEN_NAME.match(text):
        return given.end()
    found = _BY_NAME.match(text)
    if not found:
        return 0
    name = found["name"].lower()
    unlike = not _is_person(name) or _RELATIVE.match(text, found.end())
    return found.end() if found["title"] or not unlike else 0


def _is_person(name: str) -> bool:
    return is_name(name) and name not in _NO_NAMES and not _NO_ENDING.search(name)


def without_dear(text: str) -> str:
    """The text without "dear" at the end of its first words: "No need to worry dear."."""
    head = text[:DEAR_REACH]
    if "ear" not in head or not (found := _DEAR.search(head)):
        return text
    before = head[: found.start()].split()
    if not before or before[-1].lower() in _NO_ADDRESS or not before[-1][-1].isalpha():
        return text
    return text[: found.start()] + text[found.end() :]
