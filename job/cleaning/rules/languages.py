"""Whether a text is in a language that the word rules do not know; they know English alone. Light, and "other" only when sure;
FINETUNE_DATA_LANGUAGES asks a real identifier (shape.py)."""

from __future__ import annotations

import re

_PLAIN = (" the ", " you ", " your ", " and ", " is ", " are ", " with ", " it ")
FEWEST_PLAIN = 2
"""Different words of English that settle the question at once, which they do for nearly every English answer."""
_LETTERS = re.compile(r"[^\W\d_]")
_LATIN_END = "\u024f"
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_ASCII_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
"""The same in small ASCII letters, in half the time; where no apostrophe is, its words are those between all other signs."""
_NO_LETTERS = bytes(code for code in range(256) if not 97 <= code <= 122)
_LETTERS_ALONE = bytes(code if 97 <= code <= 122 else 32 for code in range(256))
MOST_READ = 400
"""Characters of a text that are looked at."""
FEWEST_WORDS = 3
"""Different words of another language that make a text foreign, if English has fewer."""
_ENGLISH = frozenset(
    """a an am me my no any one as at i'm i’m it's don't old year the of and to in is it you that was for on are with as his
    they be at have this from or had by not but what all were when we there can your which their if will each about
    how up out them then these so some her would make like him into has more could my than been who its now did get
    may should do i yes hi hello thanks thank dear hope take please""".split()
)
_OTHERS: dict[str, frozenset[str]] = {
    "de": frozenset(
        """der die das und ist nicht ein eine einen zu mit sich auf für von dem den des im sie ich es wird
            werden auch bei oder wie sind kann nach aus zum zur ihre ihr haben wenn nur noch sehr""".split()
    ),
    "es": frozenset(
        """el la los las de que en un una por con para no se es del al lo como más pero sus le ha su está son
            este esta muy usted puede cuando también hay si""".split()
    ),
    "fr": frozenset(
        """le la les des de et est un une du en que qui pour dans pas vous il elle ce cette sur avec au aux
            plus par ne se sont votre nous être ou mais si très c'est l'eau""".split()
    ),
    "it": frozenset(
        """il lo la gli le di che un una per con non si è del della sono da come più anche nel questo questa
            ma molto può""".split()
    ),
    "pt": frozenset(
        """os as de que em um uma por com para não se do da dos das no na mais mas você ao como está
            são muito pode""".split()
    ),
    "nl": frozenset(
        """de het een en van ik te dat die in is niet op met voor zijn er aan ook als je naar bij maar om uit
            worden kan""".split()
    ),
    "pl": frozenset("""nie się na jest do to że co jak za ale od czy przez są po dla lub może""".split()),
    "tr": frozenset("""bir ve bu için ile da de çok ne gibi daha olan var kadar sonra ama değil""".split()),
    "id": frozenset(
        """yang dan di untuk dengan ini itu dari pada tidak adalah dalam akan juga atau ke bisa anda""".split()
    ),
    "vi": frozenset("""và của là có không được cho các một những trong với để khi này bạn""".split()),
}
_FOREIGN = frozenset().union(*_OTHERS.values())


def is_foreign(text: str) -> bool:
    """Whether a text is surely in a language that the word rules do not know. Short texts are not sure."""
    beginning = text[:MOST_READ].lower()
    plain = 0
    for word in _PLAIN:
        if word in beginning:
            plain += 1
            if plain == FEWEST_PLAIN:
                return False
    if not beginning.isascii():
        ascii_part = beginning.encode("ascii", "ignore")
        if (len(beginning) - len(ascii_part)) * 2 > len(
            ascii_part.translate(None, _NO_LETTERS)
        ):  # takes a tenth of the time
            letters = _LETTERS.findall(beginning)
            if sum(letter > _LATIN_END for letter in letters) * 2 > len(letters):
                return True
    if not beginning.isascii():
        words = _WORD.findall(beginning)
    elif "'" in beginning:
        words = _ASCII_WORD.findall(beginning)
    else:
        words = beginning.encode().translate(_LETTERS_ALONE).decode().split()
    if len(_FOREIGN.intersection(words)) < FEWEST_WORDS:
        return False
    found = set(words)
    least = max(FEWEST_WORDS, 1 + len(found & _ENGLISH))
    return any(len(found & others) >= least for others in _OTHERS.values())
