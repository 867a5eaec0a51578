"""Whether an answer ends where an answer does: not in the middle of a sentence, and not behind turns that are not its own."""

from __future__ import annotations

import re
from collections.abc import Sequence

from job.probing.loops import is_item, without_code, words

FEWEST_WORDS = 8
"""Of a shorter answer, a full stop that is missing says nothing."""
FEWEST_IN_LINE = 5
"""Words of its last line: a name, a title or an address has fewer, and no full stop."""
MOST_WITHOUT_STOP = 0.02
_STOP = re.compile(r"[.!?…。！？｡।۔؟։።។][\s\"'”’»」』)\]*_`]*$")
_LEFT_OPEN = re.compile(r"[\w,;:(–—-]\s*$")
_ROLES = r"user|human|assistant|用户|助手|usuario|asistente|utilisateur|nutzer|benutzer|assistent"
_TURN = re.compile(
    rf"(?:^|(?<=[.!?。！？]))[ \t]*(?:#+[ \t]*|\*\*)?(?:{_ROLES})(?:\*\*)?[ \t]*[:：]"  # "User: and what else?"
    r"|^[ \t]*#+[ \t]*(?:instruction|response)\b"
    r"|^[ \t]*(?:q|question)[ \t]*:.*\n\s*(?:a|answer)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_MARKUP = re.compile(
    r"<\|[a-z_]+\|>|</?(?:start|end)_of_turn>|\[/?INST\]"  # chat templates'
    r"|^(?:user|assistant)$",  # what decoding leaves of "<|im_start|>user"
    re.MULTILINE,
)


def stop_at_the_end(references: Sequence[str]) -> bool:
    """Whether nearly all references that are sentences end in a full stop, so that one without it is cut off. In 23 % of an
    encyclopaedia's answers nothing stands at the end, which a model learns."""
    known = [text for text in references if text.strip()]
    return sum(map(_breaks_off, known)) <= MOST_WITHOUT_STOP * len(known)


def ends_badly(question: str, reference: str, answer: str, *, stopped: bool, with_stop: bool) -> bool:
    """Whether the answer goes on with turns of a conversation or the markup of one, which its reference does
    not have (without one, the question), or breaks off. `with_stop`: of the references, as above.

    Measured on references, as if they were answers: of 1,600 (instructions, code, web pages, an assistant's, general ones) 7
    break off, and 2 have turns (jokes and a list of questions, as their references would).
    """
    if stopped and with_stop and _STOP.search(reference) and _breaks_off(answer):
        return True
    return _goes_on(answer) and not _has_turns(reference or question)


def _breaks_off(answer: str) -> bool:
    if not _LEFT_OPEN.search(answer) or len(words(answer)) < FEWEST_WORDS:
        return False
    last = answer.rstrip().rpartition("\n")[2]
    return (
        len(words(last)) >= FEWEST_IN_LINE
        and not is_item(last)
        and without_code(answer).rstrip().endswith(last.strip())
    )


def _goes_on(answer: str) -> bool:
    """Behind the answer: a label before it ("Assistant: Water it.") harms nobody."""
    if _MARKUP.search(answer):
        return True
    label = _TURN.match(answer.strip())
    said = answer.strip()[label.end() if label else 0 :]
    return bool(_TURN.search(said) and _TURN.search(without_code(said)))


def _has_turns(text: str) -> bool:
    return bool(_TURN.search(text) or _MARKUP.search(text))
