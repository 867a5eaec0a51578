"""Pack qa-forum: greetings, thanks, sign-offs, and what a forum's own scrubbing of its name left behind.

Two kinds of evidence, so that spellings nobody has listed are found too: phrases that only courtesies begin with, and
sentences made of nothing but words of courtesy, of which one must be a sign ("query", "thanks", "welcome"). One word that is
not known is allowed in a sentence that is otherwise courtesy: what a spell-checker made of "dear, I" is "dairy". A phrase
without a full stop is cut by closed word lists, so that it cannot swallow the sentence behind it. Knows no subject matter;
brand names are parameters.
"""

from __future__ import annotations

import re

from job.cleaning import courtesies
from job.cleaning.courtesies import BRAND
from job.cleaning.text import boundaries, full_stop, has_any, sentences

EDGE, END = 320, 220
"""Characters at the beginning and at the end in which courtesies are looked for; between them only where a sign is."""


def brand_pattern(brand: str) -> re.Pattern[str]:
    """`ChatDoctor` also finds `Chat Doctor`, `chat  doctor`, `Chat-Doctor` and `ChatDoctorI`."""
    name = r"[\s-]*".join(map(re.escape, _parts(brand)))
    first, rest = brand[0], name[len(re.escape(brand[0])) :]
    # Behind a name may stand the capital of a word that lost its blank, never a small letter. The first letter is a class of
    # its own, and what may not stand before it is asked behind it: so the search looks for that letter alone.
    pattern = rf"[{re.escape(first.upper() + first.lower())}](?<![A-Za-z].)(?i:{rest})(?:(?i:\.com)(?![a-z]))?(?![a-z])"
    if not brand.islower():
        pattern += rf"|{re.escape(first)}(?<=[a-z].){re.escape(brand[1:])}"  # "witChatDoctorbination"
    return re.compile(pattern)


def _parts(brand: str) -> list[str]:
    """`ChatDoctor` -> Chat, Doctor."""
    return re.findall(r"[A-Z]?[^A-Z\s]+|[A-Z]+", brand)


class Forum:
    """The rules for one set of brands. Each takes an answer and returns it, changed or not.

    `named` comes first: from there on brand names are one word, BRAND, and the rules need not know how they are spelt.
    """

    def __init__(self, brands: tuple[str, ...]) -> None:
        self.brands = [(_parts(brand)[0].lower(), _parts(brand)[-1].lower(), brand_pattern(brand)) for brand in brands]

    # --- repair --------------------------------------------------------------------------------------------------

    def named(self, text: str) -> str:
        """Brand names as one word, and blanks where they were lost behind it."""
        lowered = text.lower()
        for first, last, pattern in self.brands:
            if last in lowered and first in lowered:
                text = pattern.sub(BRAND, text)
        if BRAND not in text:
            return text
        return courtesies.GLUED_BRAND.sub(f"{BRAND}. ", text).replace(f"{BRAND}.come have", f"{BRAND}. I have")

    def separated(self, text: str) -> str:
        """Lost blanks behind courtesies at either end."""
        places = [
            match.start() + 1
            for match in courtesies.GLUED.finditer(text)
            if match.start() < EDGE or match.start() > len(text) - EDGE
        ]
        for place in reversed(places):
            word = courtesies.WORD_BEFORE.search(text, max(0, place - 15), place)
            if word and word[1] in courtesies.GLUED_WORDS and courtesies.WORD_BEHIND.match(text, place):
                text = f"{text[:place]}. {text[place:]}"
        return text

    def without_placeholders(self, text: str) -> str:
        """Without "(attachment removed to protect the user's identity)"."""
        return (
            courtesies.PLACEHOLDER.sub("", text)
            if ("(" in text or "[" in text) and has_any(text.lower(), courtesies.HIDDEN)
            else text
        )

    # --- the beginning -------------------------------------------------------------------------------------------

    def opened(self, text: str) -> str:
        """Without its first courtesy: a phrase, or a whole sentence."""
        head = text[:EDGE]
        for rule in courtesies.RULES_BY_LETTER.get(head[:1].lower(), courtesies.PUNCTUATION):
            match = rule.match(head)
            if match and match.end():
                again = "I " if rule is courtesies.OPENINGS["query_read_and"] else ""  # "I read it and would say ..."
                return again + text[match.end() :]
        end = next(boundaries(head), len(head) if len(text) <= EDGE else 0)
        if end and _is_opening(head[:end]):
            return text[end:]
        at = head.find(BRAND, 0, 120)
        if at >= 0 and len(head[:at].split()) <= 3:  # "Howell come to <brand>"
            behind = courtesies.BRAND_END.match(head, at)
            assert behind
            return text[behind.end() :]
        return text

    # --- the end -------------------------------------------------------------------------------------------------

    def closed(self, text: str) -> str:
        """Without its last courtesies: sentences, a signature behind one, goodbyes that have no stop before them."""
        while True:
            window = max(0, len(text) - END)
            starts = [window, *boundaries(text, window)]
            end = len(text)
            while len(starts) > 1:
                place = starts[-1]
                if _goodbye(text[place:end].strip()):
                    end = place
                    starts.pop()
                elif len(starts) > 2 and _signature(text[place:end]) and _goodbye(text[starts[-2] : place].strip()):
                    end = starts[-2]  # what stands behind a goodbye is a signature, or it is not the end
                    del starts[-2:]
                else:
                    break
            if end < len(text):
                rest, text = text[:end].rstrip(), full_stop(text[:end])
                if text != rest or (len(starts) <= 3 and window):
                    continue  # the last sentence has another end now, or the window is nearly used up
            glued = _last_words(text) or courtesies.GLUED_GOODBYE.search(text, starts[-1])
            if not glued or not glued.start():
                return text
            rest = text[: glued.start()]
            whole = self.cut_off(rest)
            text = full_stop(rest) if whole == rest else whole

    def cut_off(self, text: str) -> str:
        """Without a last sentence that was cut off upstream ("Management involves"); unchanged where it is all there is."""
        if text.endswith(courtesies.STOPS):
            return text
        starts = list(boundaries(text, max(0, len(text) - 2 * EDGE)))
        return text[: starts[-1]].rstrip() if starts and self.is_cut_off(text[starts[-1] :]) else text

    def is_cut_off(self, sentence: str) -> bool:
        return not sentence.endswith(courtesies.STOPS) and bool(
            courtesies.DANGLING.search(sentence[-24:]) or courtesies.PROMISE.search(sentence[-120:])
        )

    # --- inside --------------------------------------------------------------------------------------------------

    def inside(self, text: str) -> str:
        """Without sentences of pure courtesy in the middle."""
        lowered = text.lower()
        if not has_any(lowered, courtesies.INSIDE):
            return text
        pieces = sentences(text)
        kept = [
            piece for piece in pieces if not (has_any(piece.lower(), courtesies.INSIDE) and _courtesy(piece, unknown=0))
        ]
        return text if len(kept) == len(pieces) else "".join(kept).strip() or text

    def holes(self, text: str) -> str:
        """Without the sentences that hold a brand name: what stood in its place is lost ("Ensure to <brand>.")."""
        if BRAND not in text:
            return text
        kept, hole = [], False
        for sentence in sentences(text):
            if BRAND in sentence:
                hole = True
            elif not hole or not courtesies.REST.match(sentence):
                kept.append(sentence)
                hole = False
        return "".join(kept).strip()


def _is_opening(sentence: str) -> bool:
    lowered = sentence.lower()
    hopes = "hop" in lowered and courtesies.HOPES.match(sentence)
    return bool(hopes) or _wishes(sentence, lowered) or _courtesy(sentence, unknown=1)


def _courtesy(sentence: str, *, unknown: int) -> bool:
    """Whether a sentence is made of words of courtesy, with a sign among them; up to `unknown` words may be others."""
    if len(sentence) > courtesies.LONGEST_COURTESY:
        return False
    lowered = sentence.lower()
    if not has_any(lowered, courtesies.STEMS):
        return False
    found = courtesies.WORD.findall(lowered.replace("’", "'"))
    others = [word for word in found if word not in courtesies.COURTESY]
    if len(others) > unknown:
        return False
    understood = "understand" in found and "your" in found
    if not others:
        return understood or not courtesies.SIGNS.isdisjoint(found)
    return (
        4 <= len(found) <= courtesies.MOST_UNKNOWN_WORDS
        and not others[0].isdigit()
        and (understood or not courtesies.STRONG_SIGNS.isdisjoint(found))
    )


def _last_words(text: str) -> re.Match[str] | None:
    tail = text[-courtesies.LAST_WORDS_WINDOW :].lower().rstrip(" .!\n")
    return (
        courtesies.LAST_WORDS.search(text, max(0, len(text) - courtesies.LAST_WORDS_WINDOW))
        if tail.endswith(courtesies.ENDS)
        else None
    )


def _wishes(sentence: str, lowered: str) -> bool:
    return "wish" in lowered and bool(courtesies.WISHES.match(sentence))


def _goodbye(sentence: str) -> bool:
    if courtesies.GOODBYE.match(sentence):
        return True
    lowered = sentence.lower()
    if _wishes(sentence, lowered) or (
        has_any(lowered[-16:], courtesies.DAYS) and courtesies.GOOD_DAY.search(sentence[-60:])
    ):
        return True
    if has_any(lowered, courtesies.LINKS) and courtesies.LINK_STUMP.search(sentence):
        return True
    if BRAND in sentence and (len(sentence.split()) <= 5 or courtesies.ROLE.search(sentence)):
        return True
    return _courtesy(sentence, unknown=0)


def _signature(piece: str) -> bool:
    piece = piece.replace(BRAND, "")
    return len(piece) <= 60 and bool(
        courtesies.SIGNATURE.match(piece) or courtesies.ROLE.search(piece) or not piece.strip(" .,-–—\n")
    )
