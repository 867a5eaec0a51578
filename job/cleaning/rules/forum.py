"""Greetings, thanks, sign-offs and other boilerplate of forums, and sentences that break off.

Two kinds of evidence find spellings that nobody has listed: phrases that only boilerplate begins with, and sentences made of
nothing but words of boilerplate, one of which must be a sign ("query", "thanks", "welcome"). Such a sentence may have one
unknown word: a spell-checker makes "dairy" of "dear, I". A phrase without a full stop is cut by closed word lists, so that it
cannot swallow the next sentence. A sentence that only begins like a goodbye goes whole if the rest of it is polite too; else
the polite clause alone goes, of a condition not even that. The words stand in the modules around it.
"""

from __future__ import annotations

import functools
import itertools
import re

from job.cleaning.rules import (
    addresses,
    boilerplate,
    breaks_off,
    closings,
    content,
    online,
    remarks,
    requests,
    run_on,
    sign_offs,
    signs,
    tails,
    whole,
)
from job.cleaning.rules.boilerplate import BRAND, pattern
from job.cleaning.rules.goodbyes import begins_like_goodbye, says_something
from job.cleaning.rules.lead_ins import announces_nothing, may_announce, without_lead_in, without_lost
from job.cleaning.rules.remarks import is_asked_behind, is_remark, is_remark_inside, tells_purpose
from job.cleaning.rules.requests import asks_back, asks_inside, asks_of_state, may_ask, others_in
from job.cleaning.rules.rule import Field, Row
from job.cleaning.rules.scrubbed import MAIN_CLAUSE, stands
from job.cleaning.rules.text import HIDDEN, boundaries, capital, full_stop, has_any, remembered, sentences, words

EDGE, END, FAR = 320, 220, 2000
"""Characters at the beginning and at the end that are searched for boilerplate; between them, only around its words."""
INSIDE = signs.Worded(
    (
        *closings.INSIDE,
        *requests.REQUESTS_INSIDE,
        *remarks.INSIDE,
        *addresses.GREETS,
        *tails.INSIDE,
        *whole.FEELS_INSIDE,
    ),
    f"{closings.INSIDE_WORDS} {whole.FEELINGS}",
)
"""An answer without one of these has no boilerplate in its middle."""
_REMOVED = ("removed", "deleted", "hidden", "redacted")
_PLACEHOLDER = pattern(
    r"\s*[(\[][^()\[\]\n]{0,40}\b(?:removed|deleted|hidden|redacted)\b[^()\[\]\n]{0,40}\b(?:protect|privacy|identity|policy|moderat\w+)"
    r"[^()\[\]\n]{0,30}[)\]]"
)
_PICTURES = frozenset(tails.INSIDE)
_DOTS = re.compile(r"[.…\s]+")  # left behind a sentence that goes
LONGEST_RECIPIENT = 4  # "with a dentist", which an invitation left behind
FEWEST_WORDS = 3
"""Words that must be left when a clause goes."""


# --- the rules -------------------------------------------------------------------------------------------------------


def placeholder(field: Field) -> str:
    """The text without "(attachment removed to protect the user's identity)"."""
    text = field.text
    if ("(" in text or "[" in text) and has_any(field.lowered, _REMOVED):
        return _PLACEHOLDER.sub("", text)
    return text


def opening(field: Field) -> str:
    text = addresses.without_dear(opened(field.text).strip())
    return text if text == field.text else boilerplate.LEADING_AND.sub("", text)


def closing(field: Field) -> str:
    return closed(field.text).strip()


def cut_off_end(field: Field) -> str:
    return breaks_off.without_cut_off_end(field.text)


def boilerplate_inside(field: Field) -> str:
    """The text without sentences of pure boilerplate in the middle."""
    text = tails.without_lead(field.text)
    lowered = field.lowered if text == field.text else text.lower()
    found, announces = INSIDE.all_in(lowered), may_announce(text)
    if not found and not announces:
        return text
    if whole.SO_I_CAN_SIGNS.found_in(lowered):
        text = whole.SO_I_CAN.sub("", text)
        lowered = text.lower()
    stay: list[str] = []
    gone = False
    for piece, behind in itertools.pairwise([*sentences(text), ""]):
        left = gone and (_DOTS.fullmatch(piece) or tells_purpose(piece))
        gone = bool(left) or (has_any(piece.lower(), found) and _goes_inside(piece, text, behind))
        if not gone:
            stay.append(piece)
    clauses = has_any(lowered, whole.CLAUSES_INSIDE)
    if not addresses.GREETS.isdisjoint(found):
        stay = [*stay[:1], *map(addresses.ungreeted, stay[1:])]
    stay = [_without_courtesy(sign_offs.without_thanks(piece), clauses=clauses) for piece in stay]
    if not _PICTURES.isdisjoint(found):
        stay = [*map(tails.without_picture, stay)]
    return "".join(without_lost(stay) if announces else stay).strip() or text


def cut_off(row: Row) -> bool:
    """Whether the whole answer breaks off."""
    return breaks_off.is_cut_off(row.answer.text)


# --- the beginning ---------------------------------------------------------------------------------------------------


def opened(text: str) -> str:
    """The text without its first piece of boilerplate: a phrase, or a whole sentence."""
    named = addresses.named_greeting(text)
    instead, end = ("", named) if named else _opening(text[:EDGE], len(text) <= EDGE)
    return instead + text[end:] if end else text


@functools.lru_cache(maxsize=256)  # a cut at the other end leaves the beginning as it is; many rows walk in step
def _opening(head: str, is_all: bool) -> tuple[str, int]:
    """Where the boilerplate ends with which a text begins, 0 for none, and what takes its place."""
    rules = boilerplate.RULES_BY_LETTER.get(head[:1].lower(), boilerplate.PUNCTUATION)
    for rule in rules if signs.opening(head) else ():
        match = rule.match(head)
        if match and match.end():
            if rule in boilerplate.FREE and (closings.INSTRUCTION.search(match[0]) or content.FINDS.match(match[0])):
                continue
            if rule is boilerplate.OPENINGS["best_try"] and says_something(match[0], most=2):
                continue
            if content.is_shown_behind(match[0], head, match.end()):
                continue
            return "I " if rule is boilerplate.OPENINGS["query_read_and"] else "", match.end()  # "I read it and would"
    if head.startswith(whole.LABELS) and (label := whole.LABEL.match(head)):
        return "", label.end()
    if head[1:2] == " " and boilerplate.STRAY.match(head):
        instead, end = _opening(head[2:], is_all)
        return instead, end + 2 if end else 0
    if (match := boilerplate.LETTERHEAD.match(head)) and " " in match[0].strip(boilerplate.SEPARATORS):
        return "", match.end()  # one word is a label
    end = next(boundaries(head), len(head) if is_all else 0)
    title = head[end : end + 1].islower() and head[:end].rstrip().endswith(("!", "?"))  # "Hello Dolly! opened in 1964"
    if end and not title and _is_opening(head[:end]):
        return "", 0 if is_asked_behind(head[:end], head[end:]) else end
    at = head.find(BRAND)
    if at >= 0 and len(head[:at].split()) <= 3:  # "Howell come to <brand>"
        behind = boilerplate.BRAND_END.match(head, at)
        assert behind
        return "", behind.end()
    return "", 0


# --- the end ---------------------------------------------------------------------------------------------------------


def closed(text: str) -> str:
    """The text without the boilerplate at its end: sentences, a signature after one, goodbyes without a stop before them."""
    # Ten thousand times "thanks": where no sentence ends, all that is looked at is near, and mostly the same as before.
    while len(text) > 2 * FAR and not has_any(text[-FAR:].rstrip(" .!?…"), ".!?…\n()"):
        if (shorter := _closed_near(text[-FAR:])) == text[-FAR:]:
            return text
        text = text[:-FAR] + shorter
    return _closed(text)


@functools.lru_cache(maxsize=1)
def _closed_near(tail: str) -> str:
    return _closed(tail, least=FAR // 2)


def _closed(text: str, least: int = 0) -> str:
    """The same, as long as more than `least` characters are left."""
    while len(text) > least and not sign_offs.is_item(text, _goodbye):
        signed = sign_offs.begin(text, _goodbye) if "\n" in text[-END:] else len(text)
        if 0 < signed < len(text):
            text = full_stop(text[:signed])
            continue
        window = max(0, len(text) - END)
        starts = [window, *boundaries(text, window)]
        end = _goodbyes_begin(text, starts)
        if end < len(text):
            text = full_stop(_with_bracket(text[:end], text[end:]))
            continue  # the last sentence may have another end now, and the window reaches further back
        begin = len(text) - signs.last_words(text[-closings.LAST_WORDS_WINDOW - 2 :])
        if begin == len(text) or content.goes_on(text, begin):
            if not signs.polite(text[window:]):
                return text
            begin = _glued_goodbye(text, starts[-1])
        if not begin:
            last = text[starts[-1] :]
            shorter = without_lead_in(last, _goodbye)
            shorter = without_polite_clause(last) if shorter == last else shorter
            if shorter == last:
                return text
            text = (text[: starts[-1]] + shorter).rstrip()
            continue
        rest = _with_bracket(text[:begin], text[begin:])
        shorter = breaks_off.without_cut_off_end(rest)
        text = full_stop(rest) if shorter == rest else shorter
    return text


def _goodbyes_begin(text: str, starts: list[int]) -> int:
    """Where the sentences that say goodbye begin; their own beginnings leave `starts`."""
    end = len(text)
    if text and starts == [0]:  # an answer of nothing but a goodbye; one that gives a contact is an answer
        says_nothing = not others_in(text) or whole.offers(text) or whole.SAYS_NOTHING.match(text) or is_remark(text)
        return 0 if "[" not in text and says_nothing and (_goodbye(text) or announces_nothing(text)) else end
    while len(starts) > 1:
        place = starts[-1]
        piece = text[place:end].strip()
        if may_ask(piece) and content.is_answer(text[:place]) and asks_back(piece):
            break
        if _goodbye(piece[:-1] if piece.endswith((".)", "!)", ":")) else piece) or announces_nothing(piece):
            end = place
            starts.pop()
        elif tells_purpose(piece) and _goodbye(text[starts[-2] : place].strip()):
            end = starts.pop()
        elif len(starts) > 1 and _DOTS.fullmatch(piece) and _goodbye(text[starts[-2] : place].strip()):
            end = starts[-2]
            del starts[-2:]
        elif len(starts) > 2 and sign_offs.is_signature(text[place:end]) and _goodbye(text[starts[-2] : place].strip()):
            end = starts[-2]  # what follows a goodbye is a signature, or this is not the end
            del starts[-2:]
        else:
            break
    return end


def _with_bracket(rest: str, gone: str) -> str:
    """The rest with the bracket that was closed in what goes: "(in shade. Take care.)"."""
    return rest.rstrip() + ")" if ")" in gone[:END] and rest.count("(") == rest.count(")") + 1 else rest


@remembered
def without_polite_clause(sentence: str) -> str:
    """The sentence without a polite clause at its end or beginning; of a condition ("If in doubt, ...") nothing goes."""
    if online.SIGN in sentence and (advice := _before_online(sentence)):
        return full_stop(advice)
    if "ait" in sentence and (wait := closings.WAITING_AND.search(sentence)):
        head, tail = sentence[: wait.start()], sentence[wait.end() :]
        if (others_in(tail) or signs.referral(tail)) and not _polite(tail):
            stop = full_stop(head) if wait["or"] else f"{head},"
            return full_stop(f"{stop} {tail}" if head else capital(tail))
    if (too := tails.asked_too(sentence)) and _polite(sentence[: too.start()].rstrip(" ,")):
        return capital(full_stop(too["asks"]))
    clauses = list(closings.CLAUSE.finditer(sentence))
    for between in reversed(clauses):
        head, tail = sentence[: between.start()], sentence[between.end() :]
        if content.NAMED.match(tail) and "and" in between[0] and "," not in between[0]:
            continue  # "say please and thank you", "with love and best wishes"
        if words(head) >= FEWEST_WORDS and _polite(tail) and stands(head) and not closings.WHENEVER.match(head):
            return full_stop(head)
    if clauses and not closings.CONDITION.match(sentence):
        end, begin = tails.first_clause(sentence, clauses[0])
        head, tail = sentence[:end], sentence[begin:]
        if (
            words(tail) >= FEWEST_WORDS < words(head) + 1
            and _polite(head)
            and any(begins.match(tail) for begins in (MAIN_CLAUSE, requests.STATE, closings.PRAISED))
        ):
            return capital(tail)
    for place in run_on.places(sentence):
        if _polite(sentence[place:].lstrip()):
            return full_stop(sentence[:place])
    # "consult a dermatologist online --> <link>"
    found = closings.ONLINE.search(sentence) if "line" in sentence.lower() else None
    head = full_stop(sentence[: found.start()]) if found else sentence
    posts = found and not clauses and may_ask(head) and requests.PICTURE.search(head)  # "to a botanist online"
    return "" if posts or (found and words(head) <= LONGEST_RECIPIENT and not stands(head)) else head


# --- what a sentence is ----------------------------------------------------------------------------------------------


def _goes_inside(piece: str, text: str, behind: str) -> bool:
    """Whether a sentence in the middle of the text is boilerplate."""
    if piece.rstrip().endswith(":") or ord(piece[0]) in HIDDEN or is_asked_behind(piece, behind):
        return False  # it announces something, is an item of a list, or is what the next sentence asks about
    if _is_courtesy(piece) or whole.feels_with(piece):
        return not sign_offs.is_listed(piece, text)
    asks = (asks_inside(piece) or is_remark_inside(piece)) and not asks_of_state(piece)
    return asks and not content.is_answer(text.replace(piece, ""))


@remembered
def _is_courtesy(piece: str) -> bool:
    return (
        has_any(piece.lower(), closings.INSIDE)
        and (
            whole.is_boilerplate(piece, unknown=0)
            or (begins_like_goodbye(piece.strip()) and not says_something(piece, most=0))
            or whole.offers(piece)
            or whole.begins(piece)
        )
        and not asks_of_state(piece)
    )


def _without_courtesy(sentence: str, *, clauses: bool) -> str:
    """The sentence without "Based on your query, my opinion is as follows:" and, with `clauses`, without "and let me know"."""
    if sentence[:1].lower() in boilerplate.LETTERS["opinion_follows"]:
        found = boilerplate.OPENINGS["opinion_follows"].match(sentence)
        if found:
            return capital(sentence[found.end() :])
    if ": " in sentence:
        body = sentence.rstrip()
        rest = without_lead_in(body, _goodbye)
        if rest != body:
            return rest + sentence[len(body) :] if rest else ""
    asks_too = "?" in sentence and asks_inside(sentence) and asks_of_state(sentence)
    if asks_too or (clauses and BRAND not in sentence and has_any(sentence.lower(), whole.CLAUSES_INSIDE)):
        body = sentence.rstrip()
        return without_polite_clause(body) + sentence[len(body) :]
    return sentence


def _is_opening(sentence: str) -> bool:
    lowered = sentence.lower()
    hopes = "hop" in lowered and closings.HOPES.match(sentence)
    wishes = "wish" in lowered and closings.WISHES.match(sentence)
    if (hopes or wishes) and not says_something(sentence):
        return True
    return whole.begins(sentence) or whole.is_boilerplate(sentence, unknown=1) or is_remark(sentence)


@remembered
def _goodbye(sentence: str) -> bool:
    """Whether a sentence says goodbye and nothing else; an item of a list does not."""
    if sentence and ord(sentence[0]) in HIDDEN:
        return False
    if online.SIGN in sentence and (online.is_advice(sentence) or _before_online(sentence)):
        return False
    return (
        (begins_like_goodbye(sentence) and not says_something(sentence))
        or sign_offs.signs(sentence)
        or whole.offers(sentence)
        or bool(whole.SAYS_NOTHING.match(sentence))
        or whole.ends(sentence)
        or whole.is_boilerplate(sentence, unknown=0)
        or asks_back(sentence)
        or tails.is_back(sentence)
        or is_remark(sentence)
    ) and not asks_of_state(sentence)


def _before_online(sentence: str) -> str:
    """The advice before a clause that sends the reader to a service online; may be empty."""
    head = online.before(sentence)
    if words(head) < FEWEST_WORDS or not stands(head) or asks_back(head) or _goodbye(head):
        return ""
    return head if online.IN_PERSON.search(head) or others_in(head) else ""


def _polite(clause: str) -> bool:
    """Whether a clause of a sentence says goodbye, with at most one word that is no word of a goodbye."""
    return (
        bool(signs.goodbye(clause) and not says_something(clause, most=1))
        or whole.is_boilerplate(clause, unknown=0)
        or asks_back(clause)
        or tails.is_back(clause)
        or is_remark(clause)
    ) and not asks_of_state(clause)


def _glued_goodbye(text: str, begin: int) -> int:
    """Where a goodbye begins without a full stop before it; 0 for nowhere."""
    found = signs.glued_goodbye(text, begin)
    if not found or says_something(found[0]) or content.goes_on(text, found.start()):
        return 0
    before = text[begin : found.start()]  # a condition does not stand without its clause
    if closings.WAITS.search(before):
        return 0
    return 0 if closings.CONDITION.match(before) and not stands(before) else found.start()
