"""Requests to the asker: to send reports or pictures, to write back, to tell the writer more. Says which sentence is one and
holds no advice."""

from __future__ import annotations

from job.cleaning.rules import boilerplate, closings, content, signs, tails
from job.cleaning.rules.boilerplate import pattern
from job.cleaning.rules.text import has_any, remembered

# A request to the asker to tell the writer more or to come back with something: never advice, whatever it asks for.
_LEAD = (
    r"(?:(?:please|kindly|pls|plz|do|also|just|always|then|(?:can|could|would|will)\s+(?:you|u)|(?:you|u)\s+are\s+requested\s+to|you\s+(?:can|may|could|should|must|need\s+to|have\s+to)|"
    r"i\s+(?:would\s+|will\s+)?(?:suggest|request|advise|recommend|want|need)\s+(?:that\s+)?you(?:\s+to)?|"
    r"if\s+(?:possible|available|required|needed)|"
    r"it\s+(?:will|would)\s+(?:be\s+)?(?:very\s+|really\s+|more\s+)?(?:help|helpful|good|better|great|best|nice|useful|appreciated)(?:\s+me)?\s+if\s+you(?:\s+(?:can|could|would))?)"
    r"\b[\s,]*)"
)
_WHEN = (
    r"(?:nevertheless,?\s+|hence,?\s+|for\s+(?:an?\s+)?(?:more|better|further|proper)\s+[^,.!?\n]{2,40}?[\s,]+|to\s+[^,.!?\n]{4,60},\s+|"
    r"(?:if|in\s+case|once|when|as\s+soon\s+as|after|before)\b[^.!?\n]{2,90}?(?:,\s*(?:then\s+)?|\s+then\s+|"
    r"\s+(?=(?:please|kindly|pls|plz|you\s+(?:can|may)|do\s+(?:let|send|share|upload|attach|post)|let\s+me|send\s+me)\b)))"
)
"""What stands before a request; a comma or a polite word ends it, or it could be the whole sentence."""
_THING = (
    r"(?:reports?|results?|photos?|photographs?|pictures?|images?|pics?|x-?rays?|radiographs?|scans?|mri|ct|ecg|echo|ultrasound|details|information|"
    r"info|histor(?:y|ies)|prescriptions?|investigations?|values?|levels?|records?|documents?|files?|copy|copies|reading|readings|outcome|progress|"
    r"answers?|quer(?:y|ies)|questions?|updates?|symptoms|findings|films?|sheets?|videos?|screenshots?|logs?|analys[ie]s)"
)
_ASKED = (
    r"(?:send|upload|attach|share|post|provide|forward|submit|mention|describe|specify|show|tell|report|"
    r"convey|resend|give)"
)
_ASKED_FOR = rf"(?:{_THING}|duration|location|site|size|type|status)"
KNOWS_OF = rf"(?!\s+(?:the|its|his|her|their)\s+(?!{_ASKED_FOR}\b)[a-z-]+\s+(?:of|for|behind)\b)"
"""Who wants to know the purpose of a scan asks about it; who wants to know its results asks for them."""
REQUEST = pattern(
    rf"^[\s\"'(*•-]*(?:{closings.FILLER}){{0,{closings.MOST_FILLERS}}}{_WHEN}?(?:"
    rf"{_LEAD}*(?:let|keep)\s+(?:me|us)\s+(?:know|informed|posted|updated)\b|"
    rf"{_LEAD}*(?:send|show|tell|inform|update|forward|e?-?mail|provide|reply|write|message|share|report|post|upload|answer|give)\s+"
    r"(?:it\s+|them\s+|this\s+|these\s+|that\s+|back\s+)*(?:(?:to|with|for)\s+)?(?:me|us)\b|"
    rf"{_LEAD}*(?:revert|(?:get|come|write|report)\s+back)\b(?=\s*(?:[.!,]|$)|\s+(?:(?:back|again)\s+)?(?:to\s+)?(?:me|us|here|with|after|if|once|when|in\s+case)\b)|"
    rf"{_LEAD}+{_ASKED}\b(?:\s+[\w'’/&-]+,?){{0,9}}?\s+{_THING}\b|"
    rf"{_LEAD}+(?:attach|upload|share|send)\s+(?:it|them|the\s+same)\b|"
    r"i\s+(?:will\s+|would\s+|can\s+|could\s+|should\s+|be\s+|able\s+to\s+|have\s+)+(?:help|tell|guide|give|comment|advise)\w*\b[^.!?\n]{0,60}?\bif\s+you\s+"
    r"(?:(?:can|could|would)\s+)?(?:provide|upload|send|attach|share|tell|give|show)\b|"
    r"(?:(?:i\s+(?:will|am|shall)\s+)?(?:be\s+)?(?:expect(?:ing)?|waiting|awaiting)|i(?:['’]ll|\s+will|\s+do)?\s+(?:a?wait))\s+(?:for\s+)?(?:your|ur)\s+(?:reply|response|reports?|answers?|feedback)\b|"
    r"send\s+(?:(?:it|them|the\s+\w+)\s+)?for\s+(?:my\s+|a\s+)?review\b|"
    r"i\s+need\s+to\s+see\s+(?:it|them|the|your|his|her)\b|"
    rf"{_ASKED}\b(?:\s+[\w'’/&-]+){{0,6}}?\s+{_THING}\b(?:$|[^.!?\n]{{0,60}}\b(?:me|us|here|(?:so\s+)?(?:that\s+)?(?:i|we)\s+(?:can|could|may|know|see)|for\s+(?:further|better|proper|more))\b)|"
    rf"(?:share|upload|attach)\s+(?:your|the|his|her|those|these)\s+(?:[\w-]+\s+){{0,2}}?{_THING}\s*[.!]*$|"
    rf"i\s+(?:would|will|should|may|do|still|also|really|just|['’]d|\s)*(?:like|love|want|need|prefer)\s+(?:to\s+)?(?:know{KNOWS_OF}|see|review|look\s+at|more|some|few|a\s+few|further)\b"
    rf"(?:\s+[\w'’/&-]+){{0,6}}?\s+{_THING}\b"
    r")"
)
REQUEST_SIGNS = (
    *(
        "send",
        "upload",
        "attach",
        "share",
        "post",
        "provide",
        "forward",
        "submit",
        "mention",
        "describe",
        "specify",
        "convey",
    ),
    *(
        " me ",
        " me.",
        " us ",
        " us.",
        "t back",
        "e back",
        "revert",
        "i need",
        "i want",
        "i would like",
        "help",
        "i can tell",
    ),
    *(
        "wait",
        "enclos",
        "update",
        "expect",
        "give ",
        "review",
        "picture",
        "pic ",
        "photo",
        "snap",
        "session",
        " book ",
        "up with",
        "ly with",
        "nd with",
        "ed to see",
        "have seen",
    ),
)
_REQUEST_SIGNS = signs.Signs(*REQUEST_SIGNS, shared=("w", "p", "ac", "ee", " us", " me", "ve"))
"""A request holds one of these."""
REQUEST_BEGINS = frozenset(
    """also so and but else otherwise then however finally lastly meanwhile anyway anyways again pls plz please kindly moreover
    till until for once do just always can could would will you i if it nevertheless hence to in when as after before let keep
    send show tell inform update forward email e-mail mail provide reply write message share report post upload answer give
    revert get come attach submit mention describe specify convey resend waiting awaiting i'll i’ll expect expecting be take u
    follow follow-up followup respond perhaps maybe click""".split()
)
"""First words of requests: most sentences begin otherwise, and need not be looked at further."""
REQUESTS_INSIDE = (
    *(
        "send me",
        "send us",
        "send it",
        "upload",
        "attach",
        "share ",
        "let me know",
        "revert",
        "get back",
        "tell me",
        "provide me",
        "up with",
    ),
    *(
        "please send",
        "send pic",
        "send a pic",
        "send photo",
        "please mention",
        "kindly mention",
        "do mention",
        "then mention",
    ),
    *("mention it", "please forward it", "kindly forward it"),
)
"""The same in the middle of an answer, where the rest would cost time."""
LISTS = pattern(r"\b(?:following|below|these|questions)\b")
"""What is asked for stands in the next sentences."""
REQUEST_WORDS = frozenset(
    """picture pictures pic pics x-ray x-rays xray xrays radiograph radiographs scan scans mri ct ecg ekg echo
    ultrasound usg blood urine level levels values value records record documents document file files copy
    copies reading readings outcome progress update updates findings films film video videos screenshot log
    prescription prescriptions medication medications medicine medicines drug drugs affected
    area part lesion lesions skin face eyes teeth tooth quality clear good light recent previous old latest
    complete current confirm evaluate evaluation suggest prescribe appropriate treatment conclude decide
    assess examine judge comment opinion exactly present appropriately concerned concern next how you're
    respond responding improvement improve improving relief changes change develop new persist persists worse
    done undergone taken prescribed mention mentioned getting figure root cause causes properly definite definitive
    updated improvements across nevertheless few little particular sex etc image images photo photos uploaded accurate
    accurately posted send sent yes repeat""".split()
)
"""What requests speak of besides the words of goodbyes."""
MOST_ASKED = 1
"""Words of a request that no list holds. More of them are a question of its own: "tell me the colour and size of the spots"."""
MOST_IN_SURE = 3
"""The same of a request that is one whatever it holds, but for a picture."""
_WRITER = pattern(r"\b(?:i|we|me|us|my|our|here|back|revert|attach|upload)\b")
"""Who is told; without one of these every word must be known: "Please give food for these symptoms"."""
_NEWS = pattern(r"\b(?:reports?|results?|details?|informations?|info|progress|outcome|histor(?:y|ies)|records?)\b")
MOST_OF_NEWS = 3
"""The same of news and papers, whoever is told."""
_MENTIONS = pattern(r"\bmention\b")
"""What is to be mentioned is asked for: "Please mention the size of the pot"."""
SECOND_VERB = pattern(r"\b(?:and|or|then)\s+([a-z]+)\s+(?:the|your|an?|it|this|them|these|his|her)\b")
"""What may be an instruction behind a request: "and repot it"."""
OTHERS_TO_TELL = pattern(
    r"\b(?:to|with|by|from|at|in)\s+(?:your|an?|the|his|her|their|nearest|local|some)\s+(?:[\w-]+\s+){0,2}?(?:doctors?|gp|specialist|\w+(?:ist|"
    r"ician)|surgeon|nurse|midwife|wife|husband|partner|hospital|emergency|clinic|lab|pharmac\w+|vet|teacher|school|family|insurer|team|server|folder|"
    r"group|police|company|bank|employer)\b|\d\s*[-.)]\s*[a-z]"
)
"""Somebody or something else that is told, or a list that runs on: that is advice."""


_PICTURE = (
    r"(?:photos?|photographs?|pictures?|pics?|images?|snaps?|x-?\s?rays?|radiographs?|opg|scans?|mri|ct|ecg|reports?|results?|analys[ie]s|"
    r"slides?|films?|sheets?)"
)
_SENDS = r"(?:send|upload|attach|post|share|provide|forward|submit|e?-?mail)"
PICTURE = pattern(rf"\b{_SENDS}\b[^.!?\n]{{0,60}}\b{_PICTURE}\b")
MOST_SHOWN = 12
"""The same of a picture or a report: what it is to show."""
_IF = r"(?:(?:if|in\s+case|incase)\b[^.!?\n]{2,70}?[,\s]\s*)?(?:(?:then|also|so|and)\s+)?"
_TELLS = (
    r"(?:tell|explain|help|guide|advi[sc]e|comment|give|suggest|answer|say|assist|interpret|review|clarify|provide|name|assess|"
    r"judge)"
)
_SENT = r"(?:sent|uploaded|attached|posted|shared|provided|forwarded|submitted|e?-?mailed)"
_BETTER = r"(?:better|good|great|best|nice|useful|helpful|appreciated|ideal)"
_SHOWS = rf"(?:(?:the|an?|some|your|any|clear|of|his|her|recent|x-?\s?rays?)\s+)*{_PICTURE}\b"
_NOT_TO = r"(?:(?!\bto\s+(?:the|your|an?)\b)[^.!?\n]){0,60}"
_HEDGED = (
    rf"(?:(?:perhaps|maybe|i\s+(?:only\s+)?(?:wish|hope)(?:\s+that)?|if\s+only)\s+)+(?:you|u)\s+(?:can|could|would|might|may|had|have)\s+"
    rf"(?:(?:be\s+able\s+to|have|also|please)\s+)*(?:{_SENDS}|{_SENT})\s+{_SHOWS}{_NOT_TO}|"
    rf"it\s+(?:would|will|could|might)\s+(?:have\s+been|be)\s+(?:\w+\s+)?{_BETTER}(?:\s+for\s+\w+)?\s+if\s+(?:(?:you|u)\s+(?:had|have|could\s+have)\s+{_SENT}\s+{_SHOWS}|"
    rf"{_SHOWS}(?:\s+of(?:\s+\w+){{1,4}}?)?\s+(?:(?:is|are|was|were|could|can|had|has|have|be|been)\s+)+{_SENT})\b{_NOT_TO}|"
    rf"if\s+{_SHOWS}(?:\s+of(?:\s+\w+){{1,4}}?)?\s+(?:(?:is|are|was|were|could|can|had|has|have|be|been)\s+)+{_SENT}\b[^.!?\n]{{0,40}}[,\s]\s*(?:it|that)\s+(?:would|will)\s+"
    rf"(?:have\s+been|be|help)\b[^.!?\n]{{0,40}}|"
    rf"i\s+would\s+(?:have\s+)?(?:liked?|loved?|preferred)\s+to\s+(?:see|have\s+seen|look\s+at)\s+{_SHOWS}{_NOT_TO}"
)
"""A picture that is only wished for."""
_PAPER = (
    rf"(?:{_THING}|profile|panel|biopsy|(?:ultra)?sonograph\w*|usg|cultures?|smears?|counts?|tests?|opg|ekg|slides?)"
)
_WHEN_DONE = (
    r"(?:as\s+soon\s+as|once|when(?:ever)?|after)\s+(?:(?:it|they|these|those|(?:the|your)\s+(?:[\w-]+\s+)?(?:reports?|results?|tests?))\s+(?:is|are|has|have|comes?|"
    r"gets?|becomes?|arrives?)(?:\s+(?:been|back|in|out|here|done|ready|available|complete[d]?|finished|taken|received))*|"
    r"(?:you|u)\s+(?:get|have|receive|got|collect)\s+(?:it|them|these|those|hold\s+of\s+(?:it|them)))"
)
_SNAP = (
    r"click\s+(?:(?:an?|some|the|few|one|clear|good|close|up|sharp)\s+)*(?:snaps?(?:hots?)?|(?:photos?|photographs?|pictures?|pics?|images?)\s+of)\b"
    r"(?:\s+(?:(?!(?:to|each|every|daily|weekly|for|so|before|after|if|when|then)\b)[\w'’-]+)){0,8}"
)
_ADDS = r"(?:add|attach|upload|send|post|shar|includ|submit)(?:e|ing)?"
SURE = pattern(
    # All of a sentence.
    rf"^\W*(?:{closings.FILLER}){{0,{closings.MOST_FILLERS}}}(?:"
    rf"{_LEAD}*(?:upload|attach|send|share|post)\s+(?:the|your|his|her|all|those|these)\s+(?:[\w/-]+\s+){{0,4}}?{_PAPER}\s+(?:(?!(?:with|to|for|into|on|in|at)\s)[\w/-]+\s+){{0,3}}?{_WHEN_DONE}|"
    rf"{_LEAD}*{_SNAP}(?:\s+and\s+(?:then\s+)?{_SENDS}\b(?:\s+(?:it|them|that|back|here|to|with|me|us))*)?|"
    rf"if\s+(?:(?:you|u)\s|there\s+is\s+(?:an?|any|some)\s+way\s)[^.!?,;\n]{{0,40}}?\b{_ADDS}\s+[^.!?,;\n]{{0,30}}?\b{_PICTURE}\b(?:(?!\b(?:to|with)\s+(?:the|your|an?)\b)[^.!?,;\n]){{0,30}},?\s+"
    r"(?:(?:then\s+)?(?:that|it)\s+(?:is|(?:would|will)(?:\s+be)?)\s+)?(?:(?:so\s+much|all|even)\s+the\s+better|even\s+better|please\s+do(?:\s+so)?|(?<=be\s)(?:(?:very|really|also)\s+)?\w+)|"
    rf"if\s+(?:you|u)\s+can,?\s+{_SENDS}\s+(?:(?:some|the|your|an?|any|clear)\s+)*{_PICTURE}(?:\s+of\s+(?:it|them|that))?|"
    r"(?:(?:please|kindly|do)\s+)*(?:upload|attach|send|share)\s+(?:(?:the|your|all)\s+)*(?:reports?|results?)\s+of\s+(?:(?:the|all|these|those|above|mentioned|said)\s+)+(?:tests?|investigations?)|"
    rf"{_LEAD}*take\s+(?:an?\s+|some\s+|the\s+)?(?:clear\s+|good\s+)?(?:photos?|photographs?|pictures?|pics?|images?|snaps?)\b[^.!?\n]{{0,80}}?"
    rf"\band\s+(?:then\s+)?{_SENDS}\b(?:\s+(?:it|them|that|back|here|to|with|me|us))*|"
    rf"{_IF}{_LEAD}*{_SENDS}\s+(?:(?:their|the|an?|some|your|clear)\s+)*(?:{_PICTURE}(?:\s+of)?\s*)?(?:them|it|that|those|these)(?:\s+(?:too|also|here|as\s+well|again))*|"
    rf"{_LEAD}*{_SENDS}\s+(?:(?:the|an?|some|your|clear)\s+)*{_PICTURE}\b[^.!?\n]{{0,40}}\s+and\s+(?:this|it|that)\s+(?:may|will|can|might|would)\s+help\b[^.!?\n]{{0,70}}|"
    rf"{_LEAD}*{_SENDS}\s+(?:(?:the|an?|some|your|clear)\s+)*{_PICTURE}\b[^.!?\n]{{0,50}}\s+and\s+(?:consult|ask|contact|revert|talk|get\s+back)\b[^.!?\n]{{0,50}}\bonline\b[^.!?\n]{{0,60}}|"
    rf"if\s+(?:you|u)\s+(?:(?:can|could|would|will)\s+)?(?:{_SENDS}|tell|show|give|mention|measure)\b[^.!?\n]{{2,90}}?[,\s]\s*(?:then\s+)?(?:"
    r"(?:i|we)\s+(?:(?:can|could|will|would|may|might|shall|should|be|try|do|to|my|best|able|in|an?|better|good|position|glad|happy)\s+)+"
    rf"{_TELLS}\b[^.!?\n]{{0,90}}|(?:further|more|better|proper)\s+\w+\s+can\s+be\s+\w+)|"
    rf"{_LEAD}*{_SENDS}\s+(?:(?:some|the|your|an?|any|more|clear|few)\s+)*(?:photos?|pictures?|pics?|images?|scans?)(?:\s+(?:please|pls|too|also))?|"
    rf"{_LEAD}*(?:consider\s+(?:sending|uploading|posting|attaching|sharing)|let\s+me\s+see)\s+(?:(?:some|the|your|an?|any)\s+)*{_PICTURE}\b[^.!?\n]{{0,40}}|"
    rf"if\s+(?:you|u)\s+(?:can|could)\s+{_SENDS}\b[^.!?\n]{{0,50}}\b{_PICTURE}\b"
    r"(?:(?!\bto\s+(?:the|your|an?)\b)[^.!?\n]){0,40},?\s+(?:that|it)\s+(?:would|will)\s+(?:be|help)\b[^.!?\n]{0,30}|"
    rf"it\s+(?:would|will)\s+(?:help|be\s+\w+)\s+to\s+(?:see|have)\s+(?:(?:some|the|your|an?|any)\s+)*{_PICTURE}\b(?!\s+(?:repeated|done|taken|checked|for\b|of\s[^.!?]*\sfor\b))[^.!?\n]{{0,40}}|"
    rf"{_LEAD}*get\s+(?:a\s+)?review(?:ed)?\s+with\s+(?:(?:the|your|all|clear)\s+)*{_PICTURE}\b[^.!?\n]{{0,90}}|"
    rf"{_IF}{_LEAD}*mention(?:\s+(?:it|that|this|them|the\s+same|here|too|also|to\s+me|in\s+(?:(?:your|the)\s+)?next\s+\w+))*|"
    r"(?:(?:please|kindly|pls|do|also)\s+)+mention\s+(?:about\s+)?(?:the|your|if|whether|what|how|any|when|which|his|her)\b"
    r"(?![^.!?\n]*\b(?:forms?|letters?|labels?|applications?|e?-?mails?|subject|booking|order)\b)[^.!?\n]{2,110}|"
    r"follow[\s-]*up\s+(?:when|once|after|with)\b[^.!?\n]{2,70}\s+and\s+(?:mention|tell|inform|report|let\s+me\s+know)\b[^.!?\n]{2,80}|"
    rf"{_LEAD}*(?:follow[\s-]*up|reply|respond)\s+with\s+(?:(?:me|us|the|your|these|those|all|some|few|any|more|further|above|following|required|requested|"
    r"needed|necessary|asked|other|additional|complete|full)\s+)+(?:details?|informations?|info|answers?|histor(?:y|ies)|reports?|results?|questions?)\b"
    r"[^.!?\n]{0,60}|"
    rf"{_HEDGED}|"
    r"let\s+me\s+(?:go\s+over|go\s+through|review|check|look\s+at|see|study)\s+(?:your|the)\b[^.!?\n]{2,80}?\b(?:get|come|revert)\s+back\b[^.!?\n]{0,40}|"
    r"i\s+(?:can|could|will|would)\s+(?:help|guide|assist|advise)\s+(?:you|u)\b[^.!?\n]{0,30}\bif\s+(?:you|u)\b[^.!?\n]{0,40}\b(?:book\w*|session|appointment)\b[^.!?\n]{0,60}|"
    r"(?:you|u)\s+(?:can|may|could)\s+(?:also\s+)?book\s+(?:for\s+)?(?:an?\s+)?(?:online|phone|video|chat)\b[^.!?\n]{0,90}"
    r")[\s.!?…]*$"
)
"""Requests that may hold any words, since none can be advice."""
ENCLOSES = pattern(
    rf"^\W*(?:{closings.FILLER}){{0,{closings.MOST_FILLERS}}}"
    rf"{_LEAD}+(?:enclose|update)\s+(?:(?:me|us|with|these|those|the|above|any|your|his|her|recent|latest|previous|copies|copy|of|all|blood|other|also|and)\s+)*"
    rf"(?:\w+\s+)?(?:{_PICTURE}|details|information|tests?|investigations?|work)(?:\s+(?:and\s+)?(?:also\s+)?(?:the|an?|your)\s+{_PICTURE})?(?:\s+(?:here|too|also|as\s+well))*"
    r"[\s.!?]*$"
)
"""The same of what is enclosed or brought up to date; "update your files" may be advice."""
TO_OTHERS = pattern(
    r"\b(?:send|upload|attach|post|shar|provid|forward|submit|e?-?mail)\w*\b[^.!?\n:;]{0,80}\bto\s+(?:the|your|an?|his|her|their|its)\s+"
    r"(?!(?:quer|question|post|message|thread|chat|next|same))"
)
"""Somebody or something else gets it."""
RULES_OUT = pattern(
    r"\bto\s+(?:rule\s+out|exclude)\b|"
    r"^\W*(?:(?:but|so|and|also|still|then|now|well|first|[^,.!?\n]{2,30},)\s+){0,2}(?:i|we)(?:['’]d)?\s+(?:\w+\s+){0,2}?(?:want|need|like|love|prefer|require)\s[^.!?\n]{3,90}?\s(?:before|prior\s+to)\s+"
    r"(?:(?:i|we)\s+(?:(?:can|could|would|will)\s+)?)?(?:diagnos(?:e|ing)|(?:name|naming|mak(?:e|ing)|giv(?:e|ing)|reach(?:ing)?|stat(?:e|ing)|"
    r"confirm(?:ing)?|decid(?:e|ing)\s+on|settl(?:e|ing)\s+on|conclud(?:e|ing)\s+on)\s+(?:(?!(?:and|or|but)\b)[\w-]+\s+){0,3}?(?:causes?|diagnos[ie]s|conclusion))\b"
)
"""What a test is for, or that no cause can be named yet: that says something."""
_REASON = pattern(
    r"[\s,](?:because|since|cause(?=\s+(?:it|they|this|that|these)\b)|as(?=\s+(?:it|they|these|this|he|she|most|many)\s)|"
    r"to\s+(?:see|check|know|find\s+out)\s+(?:whether|if))\s(?P<why>[^,]*)$"
)
"""Why something is asked for, or what it is to show."""

_OF_YOURS = r"(?:you|u|your|ur|he|she|his|her)"
_BE = r"(?:do|does|did|are|is|was|were|have|has|had)"
STATE = pattern(
    r"\b(?:(?:since|from|for)\s+how\s+long|since\s+when|"
    rf"how\s+(?:long|often|many|much|severe|old|bad)\b[^.!?,\n]{{0,40}}?\s{_BE}\s+{_OF_YOURS}|"
    r"(?:what|how)\s+(?:is|are|was|were)\s+(?:your|ur|his|her)\s+(?!progress|quer|question|concern|doubt|opinion|view|thought|feedback|next)|"
    rf"what\s+\w+\s+{_BE}\s+{_OF_YOURS}|how\s+did\s+{_OF_YOURS}|(?:if|whether)\s+(?:it|he|she|they)\s+(?:was|were)(?!\s+\w*help)|"
    r"if\s+(?:you|u|he|she)\s+(?:are|r|is)(?!\s+(?:not\s+)?(?:satisf|happy|interested|still|able|ok|in\b|having\s+any|looking|willing|fine|sure|facing|getting|feeling|better|"
    r"ready|comfort|clear|free|available|well|good|confused|concerned|worried))|"
    r"whether\s+(?:you|u|he|she)(?!\s+(?:still\s+)?(?:need|want|require|find|found|like|get|feel|have\s+any|(?:are|r|is)\s+(?:satisf|happy|feel|get|better))))\b|"
    rf"(?:[,;:]|\b(?:and|or|me|us|know|mention|like|as))\s+{_BE}\s+(?:(?<!or\sis\s)there\s+any|{_OF_YOURS})\s+"
    r"(?!(?:still\s+)?(?:satisf|happy|any\s+(?:\w+\s+)?(?:quer|question|doubt|concern))|(?:quer|question|doubt|concern))"
)
"""A question about how the reader is, inside a request: "tell me since how long do you have it"."""
SCALE = pattern(r"\b(?:on\s+(?:a\s+)?scale|scale\s+of|out\s+of\s+(?:10|ten))\b")
"""How bad it is, on a scale: asked for without a verb."""
_STATE_SIGNS = (
    "how",
    "what",
    "when",
    "whether",
    *(f" {verb} " for verb in "do does did are is was were have has had".split()),
)


def asks_of_state(sentence: str) -> bool:
    """Whether a request holds a question about the reader's state, on which the advice depends."""
    lowered = sentence.lower()
    if has_any(lowered, _STATE_SIGNS) and STATE.search(sentence):
        return True
    if ", " in sentence and is_about_it(sentence.rpartition(", ")[2]):
        return True
    return has_any(lowered, ("scale", " out of ")) and bool(SCALE.search(sentence))


_OF_IT = pattern(
    r"\W*(?:and\s+)?(?:what|when|where|why|how(?:\s+(?:long|big|old|large|deep|often|bad|many|much|far))?)(?:\s+(?:exactly|else|precisely))?\s+"
    r"(?:(?:is|are|was|were|does|did|do|has|have|had)\s+(?:it|they|that|those)\b(?:\s+(?:exactly|[a-z]+ed|done|found|begin|start|happen|occur|last|"
    r"look|hurt|been|taken|given))*|(?:is|are|was|were|has\s+been)\s+(?:[a-z]+ed|done|found|taken|given|seen|said|shown))\s*[?.]"
)


def is_about_it(question: str) -> bool:
    """Whether a question has no noun of its own, so that only the sentence before it says what it asks for."""
    return bool(_OF_IT.match(question))


@remembered
def asks_inside(sentence: str) -> bool:
    """The same in the middle of an answer, where a question is one only if it asks for something to look at."""
    if not has_any(sentence.lower(), REQUESTS_INSIDE) or LISTS.search(sentence):
        return False
    sentence = sentence.strip()
    is_other_question = sentence.endswith("?") and not (PICTURE.search(sentence) or SURE.match(sentence))
    return not is_other_question and (asks_back(sentence) or tails.asks_for_record(sentence))


def may_ask(sentence: str) -> bool:
    """Whether a sentence begins as requests do."""
    first = sentence[:24].lstrip("\"'(*•- ").split(maxsplit=1)[:1]
    return bool(first) and first[0].rstrip(",.!").lower() in REQUEST_BEGINS


def asks_back(sentence: str) -> bool:
    """Whether a sentence asks for reports, pictures, news or an answer, to be told to the writer, and says nothing else."""
    if (
        not may_ask(sentence)
        or len(sentence) > boilerplate.LONGEST
        or ":" in sentence
        or not _REQUEST_SIGNS.found_in(sentence.lower())
    ):
        return False
    sentence = tails.ALSO_FOR.sub(r"\g<purpose>", sentence) if " so " in sentence else sentence
    sure = SURE.match(sentence) or (has_any(sentence, ("enclose", "update ")) and ENCLOSES.match(sentence))
    if not (sure or REQUEST.match(sentence)) or signs.referral(sentence):
        return False
    if OTHERS_TO_TELL.search(sentence) or TO_OTHERS.search(sentence) or RULES_OUT.search(sentence):
        return False
    others = [word for word in others_in(sentence) if word not in REQUEST_WORDS]
    shows = bool(PICTURE.search(sentence))
    if gives_reason(sentence) or tails.asked_too(sentence):
        return False
    if sure or closings.INSTRUCTION.search(sentence, 1):
        return bool(sure) and (shows or len(others) <= (0 if _MENTIONS.search(sentence) else MOST_IN_SURE))
    if content.IS_SUBJECT.match(sentence) or content.FREE_TO.search(sentence):
        return False
    if others and (closings.WAITING_AND.match(sentence) or praises(sentence)):
        return False
    if len(others) > 1 and not shows and sentence.rstrip().endswith("?"):
        return False  # it asks for something of its own
    most = MOST_ASKED if _WRITER.search(sentence) else 0
    most = MOST_SHOWN if shows else MOST_OF_NEWS if _NEWS.search(sentence) else most
    if len(others) > most or any(verb in others for verb in SECOND_VERB.findall(sentence)):
        return False
    return not any(others_in(found[0]) for found in closings.STATEMENT.finditer(sentence))


def gives_reason(sentence: str) -> bool:
    """Whether a request says why: "Tell me what you feed, since milk may be a cause"; what a picture is for does not count."""
    found = _REASON.search(sentence)
    if not found or PICTURE.search(sentence):
        return False
    return any(word not in REQUEST_WORDS for word in others_in(found["why"]))


def praises(sentence: str) -> bool:
    """Whether something is called good or needed behind a courtesy, other than what courtesies speak of."""
    found = closings.PRAISES.search(sentence) if " and " in sentence or " but " in sentence else None
    return found is not None and bool(others_in(found["of"]))


def others_in(text: str) -> list[str]:
    """The words that no goodbye is made of."""
    return [
        word
        for word in boilerplate.WORD.findall(text.lower().replace("’", "'"))
        if word not in boilerplate.WORDS
        and word not in closings.WORDS
        and not word.removesuffix("s").endswith(closings.TITLES)
    ]
