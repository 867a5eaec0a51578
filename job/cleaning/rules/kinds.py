"""Which parts of a text keep every character: code, formulas, tables, drawings, paths, regular expressions; and which answers
are a work of their own, such as a letter. Knows no rule: the cleaner hides these parts from all of them.

Recognised by delimiters, by the look of lines, and for letters and poems by what the question asks for. Every search is linear
in the text: delimiters are looked for with `find`, and what is missing once is not looked for again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from job.cleaning.rules import drawings, works
from job.cleaning.rules.signs import Signs
from job.cleaning.rules.system_task import asks_for_work
from job.cleaning.rules.text import has_any, is_prose, remembered, words_asked

Span = tuple[int, int]

_OF_CODE = ("{", "}", "=", ";", "<", "()", "):", ":\n", "print(", "import ", "SELECT ")
_CODE_SIGNS = Signs(*_OF_CODE)
_SIGNS = Signs("`", ">", '"""', "[[", "'''", "~~~", "$", "\\", "|", "\t", "/", "]+", "]*", "]{", "]?", "(?", *_OF_CODE)
"""A text without any of these has nothing to keep, which half of all prose shows in 1 us."""

_DELIMITED = Signs("`", "~~~", "$", "\\", "/", "]", "(?", ">", "{{", "{%", "'''", '"""')
"""One of these is in each part that is known by what stands around it or in it, not by the look of its line."""

_FENCES = ("```", "~~~")
_TEXTS = ('"""',)
"""Around the text of a program, which may be a letter."""
_QUOTED = re.compile(r"^[ \t]*>(?!\s*$)[^\n]*", re.MULTILINE)
"""What somebody else wrote, or what stands behind a prompt."""
_DELIMITERS = (("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"))
_INLINE_CODE = re.compile(r"(?<![\w`])`[^`\n]{1,300}`(?![\w`])")
_INLINE_FORMULA = re.compile(r"(?<![\w$\\])\$(?=[^\s$])[^$\n]{1,200}(?<=\S)\$(?![\w$])")
_FORMULA_SIGN = re.compile(r"[\\^_{=+<>]|^\$\w\$$")
"""What tells `$x^2$` from two prices."""
_BEGIN = re.compile(r"\\begin\{([a-zA-Z*]{1,30})\}")
_COMMAND = re.compile(
    r"\\(?:[a-zA-Z]{2,20}\{|(?:alpha|beta|gamma|delta|epsilon|theta|lambda|mu|nu|pi|rho|sigma|tau|phi|psi|omega|times|cdot|leq?|geq?|"
    r"neq?|sum|prod|int|infty|partial|nabla|approx|rightarrow|to|in|pm|log|ln|sin|cos|tan|lim|quad)(?![a-zA-Z]))"
)
"""A line with a LaTeX command outside of dollars is a formula as a whole."""
_BLOCK = r"\{\{#\w+\b[^\n]{1,400}?\{\{/\w+\}\}|"
_FILLED_IN = (
    r"\{%[^{}\n]{1,200}%\}|\$\{\{[^{}\n]{1,200}\}\}|"
    r"\{\{[a-z]+(?:_|[A-Z])\w*\}\}|\{\{(?:[-~]?[ ]|[-~.$#/>&^](?!\w+:)|[\w.]+[(.\[])"
    r"(?![^{}\n]{0,200}\|[ ]*[\w ]{1,30}=)[^{}\n]{1,200}\}\}"
)
_TEMPLATE, _TEMPLATE_OR_BLOCK = re.compile(_FILLED_IN), re.compile(_BLOCK + _FILLED_IN)
"""Where a program fills in its values: `{{ pot.name }}`, `{% if %}`, `{{#each}}`. A wiki's template has its name right behind
the braces, or named parameters."""
_BRACKETS = re.compile(
    r"\[\[[ ](?=[^\[\]\n]*(?:[$\"=<>]|-[a-z][ ]))[^\[\]\n]{1,200}[ ]\]\]|"
    r"(?<=[\w)\]])\[\[(?:['\"\d-]|\w{1,2}\])[^\[\]\n]{0,200}\]{1,2}|"
    r"\[\[[\d\s-]*[.,][\d\s.,-]{0,200}\]\]|\[\[['\"][^\[\]\n]{1,200}['\"]\]\]|"
    r"\[\[[^\[\]\n]{0,200}\](?=[^\[\]\n])[^\[\]\n]{0,60}(?:\[[^\[\]\n]{0,200}\][^\[\]\n]{0,60}){0,20}\]"
)
"""Tests of a shell, `x[[1]]`, and lists of lists; a wiki's link holds a name."""
_DOCSTRING = re.compile(r"[=(,][ ]?'''[^'\n]{1,200}'''|^[ \t]*'''[^'\n]{1,200}[.!?]'''[ ]*$", re.MULTILINE)
"""A text in three quotes that is assigned or passed, or a sentence of its own; a wiki's bold text is a name."""
_WINDOWS_PATH = re.compile(
    r"(?<![\w\\])[A-Za-z]:\\[^\s\"'<>|*?]{1,300}|(?<![\w\\])\\\\[\w.-]{1,60}\\\w[^\s\"'<>|*?]{0,300}"
)
_PATH = re.compile(r"/[\w.@-]{1,80}(?:/[\w.@-]{1,80}){1,40}/?")
_BEFORE_PATH = " \n\t\"'(=~.["
_IN_REGEX = r"(?:\\[dwsbDWSB](?:[+*?{\])$\\]|$)|\[\^?[^\]\s]{1,40}\][+*?{]|\(\?[:=!<P])"
_REGEX_SIGN = re.compile(_IN_REGEX, re.MULTILINE)
_REGEX = re.compile(rf"(?<!\S)\S{{0,200}}{_IN_REGEX}\S{{0,200}}", re.MULTILINE)

_REGEX_SIGNS = Signs("\\", "]+", "]*", "]{", "]?", "(?")

_TAG = r"(?!/?(?:br|ref|small|sup|sub|i|b|u|em|strong|center|nowiki|font|span|link|url)\b)/?[a-zA-Z][\w-]*(?:\s[^<>]*)?"
_CODE_LINE = re.compile(
    r"\s*(?:"
    r"(?:async\s+)?def\s+\w+\s*\(|class\s+\w+\s*[:({]|(?:from\s+[\w.]+\s+)?import\s+[\w.{*]+(?:\s+as\s+\w+)?[\s;]*$|"
    r"(?:if|elif|for|while|with|except|switch|catch|else\s+if)\b[^.!?]*[(=<>\[][^.!?]*[:{]\s*$|(?:else|try|finally|do)\s*[:{]\s*$|"
    r"except\b[^.!?]{0,60}:\s*$|(?:if|elif|while|for)\b.*;\s*(?:then|do)(?:\s*$|\s.*;\s*(?:fi|done)\s*$)|(?:fi|done|esac|end)\s*$|"
    r"[})\]]+[;,)]*\s*$|[{\[(]\s*$|\}\s*(?:else|catch|finally|while)\b|"
    rf"<(?:{_TAG}|!DOCTYPE[^<>]*|!--.*)>|#include\b|#!/|@\w+\s*(?:\(.*\))?\s*$|"
    r"(?:var|let|const|public|private|protected|static|final|int|float|double|char|bool|boolean|string|String|void|auto|long)\s+[\w<>\[\],*&\s]+[=;({]|"
    r"(?:func|fn|function|fun|sub)\s+[\w.]*\s*\(|(?:package|using|namespace|use)\s+[\w.:\\]+;?\s*$|"
    r"(?:SELECT|INSERT\s+INTO|UPDATE|DELETE\s+FROM|CREATE\s+(?:TABLE|INDEX|VIEW|DATABASE)|ALTER\s+TABLE|DROP\s+TABLE)\b\s*[\w*\"'`\[(]|"
    r"(?:FROM|WHERE|GROUP\s+BY|ORDER\s+BY|(?:LEFT|RIGHT|INNER|OUTER)\s+JOIN|JOIN|VALUES|SET|HAVING|LIMIT)\b|"
    r"[\w.$]+(?:\[[^\]\n]*\]|\.\w+)*\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)[;,]?\s*$|"
    r"[\w.$'\"]+(?:\[[^\]\n]*\])*(?:\s*,\s*[\w.$]+)*\s*(?:[-+*/|&%^]?=|:=|<-|=>)(?![=\s]*$)|"
    r"(?:return|print|echo|console\.\w+|yield|raise|throw|await|puts|System\.)\b.*[();\"'\]]\s*$|(?:return|yield)\s+[\w.+*/-]+;?\s*$|"
    r"\"[\w-]+\"\s*:\s*[\[{\"\d]|[\w-]+\s*:\s*[^;]{1,80};\s*$|"
    r"for\s+\w+\s+in\s+[\w.]+\s*:\s*$|Dim\s+\w+\s+As\b|End\s+(?:Sub|Module|Function|If)\s*$"
    r")"
)
_STYLE_RULE = re.compile(r"\s*[.#]?[\w-]+(?:[\s,>.#:][\w.#:-]+)*\s*\{\s*(?:$|[\w-]+\s*:)")
_CODE_INSIDE = ("&&", "||", "===", "!==", "++;", "=> {", "=> (")
_HALF_CODE = re.compile(r"\s*$|\s|//|#|--|/\*|\*")
_INDENTED = re.compile(r"(?: {2}|\t)\s*\S")
"""A line that belongs to the code around it: blank, indented or a comment."""
_SURE_SIGN = re.compile(r"[(){}=<>\[\];*@#]")
_SURE_BEGIN = re.compile(r"\s*(?:(?:import|from|using|package|return|for|Dim|End|except)\b|(?:fi|done|esac|end)$)")
_SURE_CAPITALS = re.compile(r"[A-Z]{4}\b")
_SURE_WORD = re.compile(r"\b(?:else|try|finally)\s*:")
"""One of these is in each line of code."""
_NEAR_CODE = re.compile(r"[={}\[\]<>_\\$`|@]|\((?<=\w.)|/(?=/)|:(?=:)|;(?=\s*$)")
_NEAR_CODE_ALONE = re.compile(r"\s*(?:do|done|end|begin|then|fi|export\s.*|Module\s.*)\s*$", re.IGNORECASE)
"""A line that is no prose and stands next to code: a closing brace with a name, an export."""
_COMMENT = re.compile(r"\s*(?://|#(?:\s|!)|/\*)")
_BEFORE_SEMICOLON = (")", "]", "}", '"', "'", " ")
MOST_BULLETS = 100
"""At the beginning and at the end, where a bullet may look like what is cut; between them no rule takes one."""
LONGEST_NEAR = 200
LONGEST_CODE_LINE = 2000
"""Characters; of a longer line only its beginning is looked at."""

_TABLE_LINE = re.compile(r"\s*\|.*\|\s*$|(?:[^|\n]*\|){2}|[^\t\n]*\S\t+[^\t\n]*\S")
_WIKI = ("[[", "{{", "{|", "|}")
_WIKI_LINE = re.compile(r"\[\[[A-Za-z:]|\{\{|\{\||\|\}|\}\}")
_BULLETS = re.compile(r"(?m)^[ \t]*[-*+•–]+[ \t]+(?=\S)")
"""The bullets of a list, without its words: a rule may take an item, and with it its bullet."""

WORKS = (
    "press release",
    *"letter email e-mail memo note invitation speech toast poem haiku sonnet limerick song lyric verse story".split(),
    *"dialogue script essay reply response message greeting post tweet advert card manual brochure newsletter blog".split(),
    *"announcement conversation caption advertisement survey profile obituary eulogy article".split(),
)
VERBS = (
    *("give me", "come up with"),
    *"write draft compose create generate prepare phrase edit correct translate make suggest design produce craft".split(),
    "provide",
)
_ASKS = tuple(
    (
        verb,
        re.compile(
            rf"{verb}\b(?:(?<=\b{verb})|(?<=\bre{verb}))(?:[^\w.!?\n]+[\w'’-]+){{0,8}}?[^\w.!?\n]+(?:{'|'.join(WORKS)})s?\b"
        ),
    )
    for verb in VERBS
)
"""A verb, or it with "re" before it, and its object, in small letters. The verb stands first in its pattern: a search for fixed
letters takes a tenth of the time of one for any of the verbs."""
_ASKING = frozenset(again + verb.split()[0] for verb in VERBS for again in ("", "re"))
_ASKED = frozenset(work.replace("-", " ").split()[-1] + more for work in WORKS for more in ("", "s"))
"""Words of which one each is in what these patterns find."""
_CHANGED = frozenset("reply respond draft translate rephrase paraphrase proofread make write say answer".split())
_MAY_ASK = _ASKED | _CHANGED
"""One of these words is in each question that asks for a work."""
_MAIL = r"(?:letter|e-?mail|mail|memo|speech|invitation|essay|poem|press\s+release)s?"
_ASKED_FOR = re.compile(
    rf"\b(?:template|sample|example|wording|draft)s?\b[^.!?\n]{{0,40}}?\b{_MAIL}\b|\b{_MAIL}\s+(?:template|sample|example)\b|"
    r"\b(?:cover|resignation|apology|thank-you|recommendation|reference|complaint|love|farewell)\s+(?:letter|note|e-?mail)\b|"
    r"\bhow\s+(?:do|can|should|would|could)\s+(?:i|you|we|one)\s+(?:best\s+|politely\s+)?(?:word|phrase|write|end|close|start|sign|answer|reply\s+to|"
    rf"respond\s+to)\s+(?:an?|the|this|that|my)\s+(?:\w+\s+){{0,2}}(?:{'|'.join(WORKS)})\b|"
    r"\bwhat\s+(?:should|could|can|do)\s+i\s+(?:write|say|answer|reply)\b|"
    r"\b(?:put\s+together|add|complete|improve|finish|proofread|polish|shorten|rewrite|rephrase|translate)\b[^.!?\n]{0,40}?\b"
    rf"(?:{'|'.join(WORKS)})\b|"
    r"^\W*(?:please\s+)?(?:(?:reply|respond)\s+to\s+(?:this|the\s+following)|"
    rf"(?:answer|reply\s+to|respond\s+to)\s+(?:the|this|an?)\s+(?:[\w'’-]+\s+){{0,3}}{_MAIL}\b|"
    r"draft\b|translate\b|rephrase\b|paraphrase\b|proofread\b|"
    r"make\s+(?:this|it|the\s+following)\s+(?:more|less|sound))",
    re.IGNORECASE,
)
"""The same in other words, and a text that is to be changed."""
_ASK_SIGNS = (
    *(
        "template",
        "sample",
        "example",
        "wording",
        "draft",
        " letter",
        "mail",
        " note",
        " i write",
        " i say",
        " i answer",
        " i reply",
    ),
    *(
        "reply to",
        "respond to",
        "translate",
        "rephrase",
        "paraphrase",
        "proofread",
        "make this",
        "make it",
        "make the foll",
        "rewrite",
        "shorten",
        "improve th",
        "improve my",
    ),
)
_LETTER_WITHIN = re.compile(r":\s*\n\s*[\"“']?(?:dear|hello|hi|hey|to\s+whom)\b[^\n]{0,40}[,:!][ ]*\n", re.IGNORECASE)
"""A letter behind its announcement: "You could write:"."""
_BLANKS_TO_FILL = re.compile(
    r"\[(?:your|my|sender|recipient|company|name|date|address|position|manager)\b[^\]\n]{0,40}\]|"
    r"\b(?:dear|hello|hi|hey|regards|sincerely|wishes|cheers|thanks),?\s+(?:\$?\{|<%|%[A-Z({]|<(?:your|name|first|customer|user|recipient)\b)",
    re.IGNORECASE,
)
"""A name that is to be filled in: an answer with one is a template of a letter."""
_SPEAKERS = re.compile(
    r"^\W{0,3}(?:user|bot|human|ai|assistant|agent|customer|client|interviewer|speaker|person|friend|student|teacher|q|a)(?:\s+[\dA-Z])?\W{0,3}:",
    re.IGNORECASE | re.MULTILINE,
)
"""Two lines of a dialogue."""
_NAMED_SPEAKER = re.compile(r"^[ \t*]*([A-Z][\w'’.-]{0,20}(?: [A-Z][\w'’.-]{0,20})?)\**:\**(?=[ \t]*\S)", re.MULTILINE)
"""A line of a dialogue; one of its names comes back. So it is in no forum row of 3,700."""
FEWEST_SPOKEN = 3
"""Lines of which one is another's and two are the same one's."""
_OPENS_BLANK = ("[", "{", "<")
_PERCENT_BLANK = re.compile(r"%(?<=\s%)[A-Z({]", re.IGNORECASE)
"""One of these is where a blank begins."""
ENDING = 160
"""Characters that are the ending of a letter, and all of their first line."""
_SALUTATION = re.compile(r"^[ \t]*(?:dear|hello|hi|hey)\b[^\n,:;!]{0,80}", re.IGNORECASE | re.MULTILINE)
ADDRESSED_WITHIN = 600
"""Characters in which a letter comes to its addressee, below addresses and a subject."""
ASKED_WITHIN = 1000
"""Characters of the question in which a letter is asked for."""


def is_work(question: str, answer: str, system: str = "") -> bool:
    """Whether the answer is a text that was asked for, with an ending of its own: a letter, a poem, a speech. What the system
    prompt asks for is asked of each answer."""
    if system and asks_for_work(system):
        return True
    lowered = question[:ASKED_WITHIN].lower()
    found = words_asked(question)
    if not _MAY_ASK.isdisjoint(found):
        may_ask = not (_ASKED.isdisjoint(found) or _ASKING.isdisjoint(found))
        if may_ask and any(verb in lowered and pattern.search(lowered) for verb, pattern in _ASKS):
            return True
        if has_any(lowered, _ASK_SIGNS) and _ASKED_FOR.search(lowered):
            return True
    if (has_any(answer, _OPENS_BLANK) or ("%" in answer and _PERCENT_BLANK.search(answer))) and _BLANKS_TO_FILL.search(
        answer
    ):
        return True
    if works.is_quotation(question, answer) or works.is_dialogue(answer):
        return True
    if ":" not in answer or "\n" not in answer:
        return False
    colons = answer.count(":")  # each of these patterns takes 20 us a page
    if _LETTER_WITHIN.search(answer) or (colons > 1 and len(_SPEAKERS.findall(answer)) > 1):
        return True
    speakers = _NAMED_SPEAKER.findall(answer) if colons >= FEWEST_SPOKEN else ()
    return 1 < len(set(speakers)) < len(speakers)


def kept(text: str, *, ending: bool = False) -> list[Span]:
    """The parts of the text that keep every character: (begin, end), in order, none within another. `ending` adds the
    salutation and the last lines, as of a letter."""
    found = [(text.rfind("\n", 0, max(0, len(text) - ENDING)) + 1, len(text))] if ending else []
    if ending and (greeted := _SALUTATION.search(text, 0, ADDRESSED_WITHIN)):
        found.append(greeted.span())
    if "\n" in text or _SIGNS.found_in(text):
        if _DELIMITED.found_in(text):
            found += [*_fenced(text), *_matched(text)]
        if "\n" in text:
            found += [*_line_blocks(text), *drawings.blocks(text)]
            bullets = (
                [match.span() for match in _BULLETS.finditer(text)]
                if has_any(text, ("- ", "* ", "+ ", "• ", "– "))
                else []
            )
            found += [*bullets[:MOST_BULLETS], *bullets[-MOST_BULLETS:]] if len(bullets) > 1 else []
        elif _CODE_SIGNS.found_in(text) and _is_code(text):
            found = [(0, len(text))]
    return list(_joined(sorted(found))) if found else []


def _fenced(text: str) -> Iterator[Span]:
    for fence in _FENCES:
        yield from _between(text, fence, fence, open_end=True)
    for quotes in _TEXTS:
        yield from _between(text, quotes, quotes)
    if ">" in text:
        yield from (match.span() for match in _QUOTED.finditer(text))
    if "\\" in text or "$$" in text:
        for opening, closing in _DELIMITERS:
            yield from _between(text, opening, closing)


def _between(text: str, opening: str, closing: str, *, open_end: bool = False) -> Iterator[Span]:
    """From each opening to the next closing; with `open_end` the last one may lack its closing."""
    begin = text.find(opening)
    while begin >= 0:
        end = text.find(closing, begin + len(opening))
        if end < 0:
            if open_end:
                yield begin, len(text)
            return
        yield begin, end + len(closing)
        begin = text.find(opening, end + len(closing))


def _matched(text: str) -> Iterator[Span]:
    if "`" in text:
        yield from (match.span() for match in _INLINE_CODE.finditer(text))
    if "$" in text:
        yield from (match.span() for match in _INLINE_FORMULA.finditer(text) if _FORMULA_SIGN.search(match[0][1:-1]))
    if "\\" in text:
        yield from _environments(text)
        for match in _COMMAND.finditer(text):
            end = text.find("\n", match.end())
            yield text.rfind("\n", 0, match.start()) + 1, len(text) if end < 0 else end
        if ":\\" in text or "\\\\" in text:
            yield from (match.span() for match in _WINDOWS_PATH.finditer(text))
    if "{{" in text or "{%" in text:
        template = _TEMPLATE_OR_BLOCK if "{{/" in text else _TEMPLATE
        yield from (match.span() for match in template.finditer(text))
    if "[[" in text:
        yield from (match.span() for match in _BRACKETS.finditer(text))
    if "'''" in text:
        yield from (match.span() for match in _DOCSTRING.finditer(text))
    if "/" in text:
        for match in _PATH.finditer(text):
            if not match.start() or text[match.start() - 1] in _BEFORE_PATH:
                yield match.span()
    if _REGEX_SIGNS.found_in(text) and _REGEX_SIGN.search(text):
        yield from (match.span() for match in _REGEX.finditer(text))


def _environments(text: str) -> Iterator[Span]:
    missing: set[str] = set()
    last = 0
    for match in _BEGIN.finditer(text):
        if match.start() < last or match[1] in missing:
            continue
        closing = f"\\end{{{match[1]}}}"
        end = text.find(closing, match.end())
        if end < 0:
            missing.add(match[1])
        else:
            last = end + len(closing)
            yield match.start(), last


@remembered  # lines of code repeat
def _is_code(line: str) -> bool:
    beginning = line[:LONGEST_CODE_LINE].rstrip()
    if not (_SURE_SIGN.search(beginning) or _SURE_BEGIN.match(beginning) or _has_sure_word(beginning)):
        return False
    ends = beginning.endswith((";", "{")) and beginning[-2:-1] in _BEFORE_SEMICOLON
    is_rule = "{" in beginning and _STYLE_RULE.match(beginning)
    return bool(ends or is_rule or has_any(beginning, _CODE_INSIDE) or _CODE_LINE.match(beginning))


def _has_sure_word(line: str) -> bool:
    return bool(_SURE_CAPITALS.search(line) or (":" in line and _SURE_WORD.search(line)))


def _line_blocks(text: str) -> Iterator[Span]:
    """Runs of at least two lines that look like code or a table, one of them surely."""
    code = _CODE_SIGNS.found_in(text)
    table = "|" in text or "\t" in text
    if not code and not table:
        return
    begin = end = lines = sure = place = 0
    for line in text.split("\n"):
        is_sure = (code and _is_code(line)) or (table and _TABLE_LINE.match(line) and not has_any(line, _WIKI))
        if is_sure or (code and ((lines and _INDENTED.match(line)) or _is_near_code(line))):
            begin = begin if lines else place
            end = place + len(line)
            lines += 1
            sure += bool(is_sure)
        elif lines and not _HALF_CODE.match(line):
            if lines > 1 and sure:
                yield begin, end
            lines = sure = 0
        place += len(line) + 1
    if sure and (lines > 1 or (not text[:begin].strip() and not text[end:].strip())):
        yield begin, end


@remembered
def _is_near_code(line: str) -> bool:
    if _COMMENT.match(line):
        return True
    if (
        len(line) > LONGEST_NEAR
        or line.startswith("|")
        or not (_NEAR_CODE.search(line) or _NEAR_CODE_ALONE.match(line))
    ):
        return False
    return not is_prose(line) and not _WIKI_LINE.search(line)


def _joined(spans: list[Span]) -> Iterator[Span]:
    begin, end = spans[0]
    for other_begin, other_end in spans[1:]:
        if other_begin <= end:
            end = max(end, other_end)
        else:
            yield begin, end
            begin, end = other_begin, other_end
    yield begin, end
