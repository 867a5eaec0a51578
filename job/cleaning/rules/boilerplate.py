"""The words of the pack qa-forum: what boilerplate is made of, how it begins, and how it ends. Data for forum.py."""

from __future__ import annotations

import re

LONGEST = 320
"""Characters of a boilerplate sentence; longer ones say something."""
MOST_WORDS = 16
"""Words of a boilerplate sentence with one unknown word; longer ones say something."""
BRAND = "ourforum"
"""Stands for a brand name while words are compared."""

SIGNS = frozenset(
    """hello hi hey hii hai greetings namaste welcome wellcome welcom thank thanks thankyou thanx thx query queries question
    questions querys concern concerns doubt doubts regards regard hope hoping hoped hopefully wish wishes wishing luck bless
    hesitate revert rate rating vote helpful posting consulting contacting clarification clarifications answered feedback
    reviewed appreciate appreciated understood studied gone sincerely thumbs cheers bye goodbye clarify contact premium
    pleasure forum ourforum satisfied assist assistance""".split()
)
STEMS = (
    "understand",
    *(sign for sign in sorted(SIGNS, key=len) if not any(other in sign for other in SIGNS - {sign} if len(other) > 2)),
)
"""One of them is in every sentence that has a sign; looking for them takes 1 us, for the words 8."""
STRONG_SIGNS = frozenset(
    f"query queries question questions concern concerns thanks thank welcome forum {BRAND}".split()
)
"""With one of these a boilerplate sentence may have one unknown word."""
WORDS = SIGNS | frozenset(
    """i i'm im i'll i've i'd id ive me my mine myself we us our you your yours yourself u ur he she him her his they them their
    it its it's this that that's these those there here the a an some any all each every more most much many very so too also
    just only well quite such other another further additional same one
    am is are was were be been being have has had having do does did doing done will would shall should can could may might
    must let lets get got give given giving go going went come came make made take keep put see seen
    to of in on at for with from by about into through throughly regarding as and or but if so then than while because since
    before after once when what which who how whether not no don't dont do please kindly truly always again soon now today
    anytime time times any moment first
    dear good morning evening afternoon day days nice great fine
    problem problems issue issues post posted message mail complaint complaints history details detail detailed description
    information info report reports reporting case situation matter situation's symptoms condition
    read reading review going noted understand understanding evaluated analyzed analysed thoroughly carefully completely fully
    depth in-depth available mentioned provided providing described attached attachment attachments photographs photos images
    picture pictures wrote write written writing ask asked asking consult consulted choose choosing chose chosen using used use
    trust trusting interest sharing share shared reaching reach out up submitting approaching visiting sending seeking raising
    site website platform portal clinic community team online service services virtual page app here
    answer answers answering reply replying respond response help helps helped helping useful assisting guide guidance guided
    suggestion suggestions opinion resolve resolved resolves solve solved solves solving clear cleared clears clarified satisfy
    satisfactory satisfies informative advice reply
    best warm kind kindest warmest kindly god speedy fast quick quickly early recovery recover health healthy happy glad pleased
    delighted grateful sorry life safe safely care better feel feeling free need needs needed require requires required want
    back follow followup follow-up accept close closed click button star stars excellent comment comments direct directly
    discussion consultation consultations session specialist
    doctor dr sir madam user patient friend mam ma'am parent mr mrs ms member
    try trying tried able possible way manner ability important significant interesting relevant expert
    know tell inform look looking forward hear hearing find found stay yours faithfully rest assured great wonderful blessed
    prompt long possible ease ahead patience patient's worry queries' concerned""".split()
)
WORD = re.compile(r"[a-z]+(?:['’-][a-z]+)*|\d+")

GREETING = r"h(?:i+|ello+|ey+|ai|allo|ullo|elo|ii|ellow)|greetings|namaste|namaskar|good\s+(?:morning|afternoon|evening|day)|respected"
ADDRESS = (
    r"(?:there(?!\s+(?:can|is|are|was|were|may|could|might|will|would|seems?|must|has|have|should)\b)|dear|doctor|dr|doc|sir|madam|ma['’]?am|mam|user|patient|friend|buddy|all|everyone|again|mr|mrs|ms|miss|"
    r"parents?|member|customer|questioner|reader|asker|mother|dad|mom)"
)
# Words between "thanks" or "welcome" and the noun that ends the phrase.
LINK = (
    r"(?:your|you|the|this|that|a|an|all|us|me|my|our|for|to|in|at|on|with|by|of|and|up|such|so|much|very|well|dear|"
    r"detailed|brief|nice|good|interesting|valuable|virtual|kind|posting|asking|using|choosing|sharing|writing|putting|"
    r"providing|sending|submitting|contacting|consulting|trusting|visiting|reaching|out|raising|seeking|help|health|online|"
    r"medical|question|query|concern|trust)"
)
NOUN = (
    rf"(?:quer(?:y|ies)|questions?|concerns?|posts?|posting|message|mail|problems?|issues?|trust|interest|description|"
    rf"details?|history|information|forum|site|website|platform|portal|service|clinic|community|team|here|writing|asking|"
    rf"contacting|consulting|consultation|contact|choosing|patience|time|in|in\s+to|us|again|{BRAND})"
)
END = r"[\s,.!:;?…\-–—]*"
# "I have gone through your query": what is read, and the reading.
READ = (
    r"(?:\w+\s+)?(?:quer(?:y|ies)|questions?|concerns?|complaints?|problems?|posts?|message|mail|histor(?:y|ies)|details|situation|case(?:\s+summary)?|"
    r"reports?|images?|photos?|photographs?|pictures?|attachments?|apprehensions?|anxiety|worry|worries|description|issues?|feelings?|condition|"
    r"frustration|distress)"
)
I_READ = (
    r"(?:and\s+)?I\s+(?:have\s+|had\s+|did\s+|can\s+|do\s+|just\s+|am\s+|completely\s+|fully\s+|really\s+|very\s+well\s+|carefully\s+|thoroughly\s+|"
    r"read\s+and\s+)*(?:gone\s+through|went\s+through|read(?:\s+(?:through|and\s+underst\w+))?|reviewed?|understood|understand|understanding|appreciate|"
    r"studied|noted|evaluated|analy[sz]ed|share|seen|see)\s+(?:(?:all|the|your|ur|you|of)\s+){1,3}"
    + READ
    + r"\b(?:\s+and\s+(?:(?:I\s+)?(?:can\s+)?(?:understand|understood|appreciate|noted|reviewed)\s+)?(?:(?:all|the|your|attached|relevant|available)\s+)+"
    + READ
    + r"\b)*"
)


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def _spaced(*phrases: str) -> str:
    """Phrases in which spaces may stand anywhere: a lost or displaced space turns "Hi Thanks" into "HiT hanks"."""
    return "|".join(r"\s?".join(phrase.replace(" ", "")) for phrase in phrases)


# Applied to the beginning of an answer in this order, again and again until none applies.
OPENINGS: dict[str, re.Pattern[str]] = {
    "punctuation": re.compile(r"^[\s,.;:!?…\-–—)\]]+(?=[\w(\"'])"),
    "displaced_blank": _pattern(
        rf"^(?:{_spaced('hi thanks', 'hello thanks', 'hi thank you', 'hello thank you', 'hi welcome', 'hello welcome')})"
        rf"(?![a-z])(?:\s+{LINK}\b)*(?:\s+{NOUN}\b)*{END}"
    ),
    "dear_name": re.compile(
        rf"^(?i:{GREETING}|dear)\s+(?:(?i:dear|mr|mrs|ms|miss)\.?\s+)?[A-Z][\w'’-]{{1,20}}\s*[,!:]+\s*"
    ),
    "greeting": _pattern(
        rf"^(?:{GREETING})(?![\w'’-])(?:[\s,]+{ADDRESS}\b\.?)*(?:\s+(?:and(?=\s+(?:welcome|thank|good))|"
        rf"and\s+(?:the\s+)?forum\b))?{END}"
    ),
    "dear": _pattern(
        rf"^dear\b(?=[\s,.]*[A-Z0-9])?(?:\s+{ADDRESS}\b\.?)*(?:\s*[,.!:\-–]+\s*|\s+(?=(?-i:[A-Z])|your?\b|i\b|we\b|welcome|thank))"
    ),
    "address": _pattern(r"^(?:sir|madam|ma['’]?am)\b(?:/(?:sir|madam|ma['’]?am))?" + END),
    "thanks": _pattern(
        rf"^(?:many\s+)?(?:thanks?(?:\s+(?:you|u)\b)?|thankyou|thanx|thx)(?:\s+(?:a\s+lot|so\s+much|very\s+much|you))?\b"
        rf"(?!\s+to\b)(?:\s+{LINK}\b){{0,9}}?\s+{NOUN}\b(?:\s+(?:to\s+)?{NOUN}\b)*{END}"
    ),
    "thanks_alone": _pattern(r"^(?:many\s+)?(?:thanks?(?:\s+(?:you|u)\b)?|thankyou|thanx|thx)\s*[,.!:]+\s*"),
    "welcome": _pattern(
        rf"^(?:a\s+)?(?:(?:very\s+)?warm\s+)?(?:you\s+are\s+)?(?:most\s+)?wel+come?\b(?:\s+back)?(?:\s+{LINK}\b){{0,6}}?\s+{NOUN}\b"
        rf"(?:\s+{NOUN}\b)*{END}"
    ),
    "welcome_elsewhere": re.compile(r"^[Ww]el+come?\s+to\s+[\w.]{3,30}(?:\s+[\w.]{3,20})?\s*[.!,]\s*"),
    "introduction": re.compile(
        r"^(?:I\s+am|I['’]m|This\s+is|My\s+name\s+is|Myself)\s+(?:Dr|DR|dr|Doctor|ourforum)\b[.,]?"
        r"(?:\s*(?:[A-Z][\w.]*|MD|MBBS)[.,]?){0,4}"
        r"(?:\s*(?:and\s+)?(?:I\s+(?:am\s+pleased|am\s+happy|am\s+glad|will|shall|would)\s+(?:to\s+|be\s+)?)?"
        r"(?:answer\w*|help\w*|assist\w*)(?:\s+(?:you|your|the|with|question|query|concern|today|here|in|this|regard)\b)*)?"
        + END
    ),
    "query_read": _pattern(
        rf"^(?:and\s+)?{I_READ}(?:\s+(?:carefully|thoroughly|completely|well|again|in\s+details?|in\s+depth|with\s+(?:care|diligence|"
        r"patience|interest|attention)))*"
        r"(?:\s*[,.!:;…\-–—]+\s*|\s+(?:and|but|so)\s+(?=(?:I|from|as|it|in|the|this|that|there|here|your|you|my|we|according|based|after)\b)|"
        r"\s+(?=(?:I|Let)\s)|\s+(?=(?-i:[A-Z][a-z])))"
    ),
    "query_read_and": _pattern(
        rf"^{I_READ}(?:\s+(?:carefully|thoroughly|completely|well|again|with\s+\w+))*\s+and\s+(?=(?:would|will|want|can|could|think|feel|"
        r"suggest|advise|recommend|understand|see)\b)"
    ),
    "query_read_about": _pattern(
        rf"^{I_READ}\s+(?:about|for|regarding|related\s+to|as|with\s+regards?|over|on|of|that|since|because|given|due|in)\b(?:(?!\b(?:but|however|I)\b)[^.!?\n]){{0,140}}"
        r"[.!?]\s*"
    ),
    "query_read_short": _pattern(
        r"^(?:and\s+)?I\s+(?:have\s+|had\s+|just\s+|carefully\s+)*(?:gone\s+through|went\s+through|read(?:\s+through)?|reviewed|noted|studied|viewed|"
        r"seen|saw|understood|understand)\s+(?:(?:all|the|your|attached)\s+)*(?:your|the|attached)\s+(?:(?!\b(?:it|they|is|are|was|found|shows?|but|which)\b)[^.!?\n,]){1,64}[.!?]\s*"
    ),
    "having_read": _pattern(
        r"^(?:thereafter\s+|after\s+|on\s+|by\s+|upon\s+)+(?:going|reading|reviewing|looking|analy[sz]ing|seeing|studying)\s+(?:through\s+|at\s+|into\s+)?"
        rf"(?:(?:all|the|your|ur)\s+){{1,3}}{READ}\b\s*,?\s*(?=I\b|it\b|you\b|my\b)"
    ),
    "help_offer": _pattern(
        r"^(?:as\s+an?\s+(?:[\w-]+\s+){0,4}(?:assistant|ai|(?:language\s+)?model),?\s+)?(?:and\s+)?"
        r"I(?:['’]d|['’]ll|['’]m|\s+would|\s+will|\s+am)(?:\s+be)?\s+(?:happy|glad|pleased|delighted|here|trying|try(?:\s+my\s+best)?)"
        r"\s+to\s+(?:help|assist|answer|guide)"
        r"(?:\s+(?:you|with|that|this|out|regarding|today|your|question|query|in|the|matter|as|best|much|can|i)\b)*[\s]*[,.!:]+\s*"
    ),
    "best_try": _pattern(
        r"^(?:and\s+)?I\s+(?:will|would|shall|am\s+going\s+to)\s+(?:try(?:\s+my\s+best)?|do\s+my\s+best)\s+to\s+(?:help|answer|explain|provide|give|guide|"
        r"assist|clear|solve|address)\b[^.!?\n]{0,110}[.!?]\s*"
    ),
    "praise": _pattern(
        r"^(?:that(?:['’]s|\s+is)\s+an?\s+|what\s+an?\s+)?(?:great|good|excellent|very\s+good|interesting)\s+question\s*[,.!:]+\s*"
    ),
    "certainly": _pattern(r"^(?:certainly|sure|of\s+course|absolutely)\s*!+\s*"),
}

# By their first letter, since most answers begin with none of them: 1 us a row instead of 10.
LETTERS = {
    "displaced_blank": "h",
    "dear_name": "hgnrd",
    "greeting": "hgnr",
    "dear": "d",
    "address": "sm",
    "thanks": "mt",
    "thanks_alone": "mt",
    "welcome": "avymw",
    "welcome_elsewhere": "w",
    "introduction": "itm",
    "query_read": "ai",
    "query_read_and": "ai",
    "query_read_about": "ai",
    "query_read_short": "ai",
    "having_read": "taobu",
    "help_offer": "ai",
    "best_try": "ai",
    "praise": "twgevi",
    "certainly": "csoa",
}
PUNCTUATION = [OPENINGS["punctuation"]]
RULES_BY_LETTER = {
    letter: [OPENINGS[rule] for rule, letters in LETTERS.items() if letter in letters]
    for letter in "abcdefghijklmnopqrstuvwxyz"
}

# A sentence at the end that begins so says goodbye; it goes whole.
GOODBYES = (
    r"(?:and\s+|so\s+)?(?:i\s+|we\s+)?(?:do\s+|really\s+|sincerely\s+|just\s+|am\s+)?hop(?:e|ing|ed)\s+(?:this|that|it|i|my|the\s+(?:above|"
    r"information|answer|details|best)|you(?:r(?!\s+(?:doctor|physician|dentist)))?|to\s+(?:have|hear|see)|these|we|for\s+(?:the\s+)?(?:best|your)|"
    r"above|all|everything|every\s+thing|answer)\b",
    r"(?:and\s+)?(?:many\s+)?(?:thanks?(?:\s+(?:you|u))?|thankyou|thanx|thx)\b(?!\s+to\b)",
    r"(?:with\s+)?(?:(?:best|kind|kindly|warm|warmest|kindest|good)\s+)*(?:regards|wishes)\b",
    r"(?:best|warmly|truly|yours?(?:\s+(?:sincerely|truly|faithfully))?|sincerely|faithfully|respectfully)\s*[,.!]*$",
    r"(?:so\s+|also\s+)?(?:please\s+|kindly\s+|do\s+|always\s+|you\s+(?:can\s+|may\s+)(?:also\s+)?)*(?:be\s+)?(?:feel|fell)\s+free\b",
    r"(?:so\s+)?(?:please\s+|kindly\s+|do\s+)*(?:let|keep)\s+(?:me|us)\s+(?:know|informed|posted|updated)\b",
    r"(?:so\s+)?(?:please\s+|kindly\s+|do\s+|you\s+(?:can|may|could)\s+|always\s+)*(?:write|get|revert|come|post|report|reply)\s+(?:me\s+|us\s+)?back\b",
    r"(?:so\s+)?(?:please\s+|kindly\s+|do\s+|you\s+(?:can|may)\s+)*revert\b",
    r"(?:please\s+|kindly\s+|do\s+)*(?:rate|click|accept|close|vote|hit|indicate|mark)\s+(?:this|the|my|it|as|on|for|me)\b",
    r"(?:so\s+)?(?:please\s+|kindly\s+)*(?:don['’]?t|do\s+not|never)\s+hesitate\b",
    r"(?:and\s+|but\s+|so\s+)?(?:please\s+)?(?:if|in\s+case|should|incase|do\s+you|for)\s+(?:you|u|of|there\s+(?:is|are)|still|any)?\s*"
    r"(?:still\s+|do\s+)?(?:have|had|need|require|want|wish|are\s+having|get|of)?\s*(?:any|more|some|further|additional|other|a|my)\s+"
    r"(?:other\s+|more\s+|further\s+|additional\s+|follow[\s-]*up\s+|such\s+|specific\s+|kind\s+of\s+|type\s+of\s+|sort\s+of\s+|health\s+|of\s+my\s+|"
    r"medical\s+)*(?:quer|question|doubt|concern|clarification|help\b|assistance|information|guidance|suggestion|confusion|advice)",
    r"(?:any|for\s+any)\s+(?:more\s+|further\s+|other\s+)+(?:quer|question|doubt|concern|clarification|information|help)",
    r"(?:any|for\s+any)\s+(?:quer|question|doubt|concern|clarification)",
    r"(?:i\s+(?:will|would|shall|am|['’]ll)|i['’](?:ll|m|d)|we\s+(?:will|would|are)|would|will)\s+(?:be\s+|always\s+|really\s+|more\s+than\s+)*"
    r"(?:happy|glad|pleased|delighted|here|available|waiting|obliged|grateful)\b",
    r"(?:i\s+(?:will|would|shall)|i['’]ll)\s+(?:like|love|try|be)\s+(?:to\s+)?(?:my\s+best\s+to\s+)?(?:help|assist|answer|guide|clarify|waiting)",
    r"(?:happy|glad|pleased|available|here)\s+(?:to|for)\s+(?:help|assist|answer|further|any|more)",
    r"for\s+(?:more|further|any|other)\s+(?:\w+\s+)?(?:information|quer|doubt|question|help|assistance|clarif|guidance|details|discussion|suggestion)",
    r"[^.!?]{0,60}\b(?:consult(?:ation)?|revert(?:\s+back)?|get\s+back|follow\s*-?up)\b[^.!?]{0,90}\bonline\b",
    r"(?:if|is)\s+there\s+(?:is\s+|are\s+)?any(?:thing|\s+other)\b.{0,80}\b(?:ask|know|help|enquire|assist|answer|doubt)",
    r"(?:you\s+(?:can|may|could)\s+)?(?:also\s+|always\s+|directly\s+|do\s+)*(?:write|talk|speak|come\s+back|send\s+\w+)\s+(?:back\s+)?to\s+(?:me|us)\b",
    r"i\s+(?:remain|am|will\s+be)\s+(?:always\s+)?(?:at\s+your\s+(?:disposal|service)|available|there\s+for\s+you)",
    r"(?:further|more)\s+(?:quer|question|clarification|consultation|discussion)",
    r"(?:wel+comed?|available|looking\s+forward|waiting)\s+(?:for|to|you)\b",
    r"(?:have|enjoy)\s+(?:a|an|your)\s+(?:very\s+)?(?:nice|great|good|healthy|wonderful|blessed|pleasant|lovely|safe|speedy|happy)\b",
    r"(?:will\s+|would\s+)(?:highly\s+|really\s+)?appreciate\s+(?:your|if\s+you)\b",
    r"contact\b.{0,50}\b(?:me|us)\b",
    r"get\s+(?:well|better)\b(?:\s+soon)?\s*[.!,]*$",
    r"(?:best\s+of|good|all\s+the)\s+luck\b",
    r"all\s+the\s+(?:very\s+)?best\b",
    r"(?:may\s+)?god\s+(?:bless|help)\b",
    r"(?:be\s+|stay\s+|keep\s+)(?:healthy|safe|blessed|well|happy|in\s+touch|fit|smiling|strong)(?:\s+(?:and|&)\s+(?:healthy|safe|blessed|well|happy|fit))?\s*[.!,]*$",
    r"(?:please\s+|do\s+)?take\s+(?:good\s+)?care(?:\s+(?:of\s+)?(?:yourself|your\s*self|your\s+health|him|her|of\s+(?:him|her)|dear))?\s*[.!,]*$",
    r"(?:have\s+i|did\s+i|has\s+this|does\s+this|did\s+this|i\s+think\s+(?:i\s+have\s+|your\s+)|is\s+this)\s*(?:answer|quer|question|help|your\s+(?:question|query))",
    r"(?:\(?if|when)\s+(?:the|this|my|you\s+(?:find|found|are|like|feel))\s+(?:this\s+|my\s+|the\s+)?(?:answer|satisfied|helpful|happy)",
    r"(?:cheers|bye|goodbye|ciao|thats?\s+all|that['’]s\s+all|over\s+and\s+out)\s*[.!,]*$",
    r"(?:you\s+can\s+(?:always\s+|also\s+)?|please\s+|kindly\s+)?(?:contact|consult|ask|reach|message|approach|chat\s+with|email|mail|call)\s+(?:me|us|with\s+me|with\s+us)\b",
    r"(?:you\s+can\s+|you\s+may\s+)?(?:book|schedule)\s+(?:for\s+)?an?\s+(?:online|video|phone|chat|appointment|consultation)",
    r"i\s+(?:have\s+)?(?:tried|did)\s+my\s+best\b",
    r"[^.!?\n]{0,60}\b(?:contact|reach|message|mail|email|ask)\s+(?:me|us)\b[^.!?\n]{0,60}[.!?\s]*$",
    r"(?:pleased?|nice|good)\s+to\s+(?:help|answer|assist)",
    r"(?:i\s+)?(?:sincerely\s+|really\s+)hope\b",
    r"(?:[\w\s]{0,60}\s)?revert(?:\s+back)?\s*[.!]*$",
    r"(?:this|that)\s+is\s+my\s+(?:best\s+)?(?:advice|opinion|suggestion)\s+(?:for|to)\s+you",
    r"dr\.?\s+(?-i:[A-Z])[\w.]*(?:\s+(?-i:[A-Z])[\w.]*){0,3}\s*(?:,.{0,60})?$",
)
FILLER = (
    r"(?:(?:also|so|and|but|else|otherwise|then|however|finally|lastly|meanwhile|anyways?|again|pls|plz|please|kindly|moreover|till\s+then|"
    r"until\s+then|for\s+now|once\s+again)\b[\s,]*){0,3}"
)
GOODBYE = _pattern("^[\\s\"'(*•-]*" + FILLER + "(?:" + "|".join(GOODBYES) + ")")
# The same a few words into a sentence: "With the grace of God I wish you ...". Only tried where the word is there at all.
WISHES = _pattern(
    r"^[\w\s\"'(-]{0,26}\bwish(?:ing|es)?\s+(?:you|your|u|ur|him|her|them|good|a\s+|all|for|the\s+best|speedy|well)\b"
)
GOOD_DAY = _pattern(r"^[\w\s\"'(-]{0,22}\b(?:good|nice|great)\s+(?:day|night|evening|morning|weekend|time)\s*[.!,]*$")
# Where a goodbye begins without a full stop before it; only words that cannot go on a sentence.
GLUED_GOODBYE = re.compile(
    r"[\s,.!;:)\]-]+(?:(?i:and\s+|so\s+)?(?:I\s+(?:do\s+)?hope\s+(?:this|that|it|I|you|my|the\s+(?:above|information|answer))\b|"
    r"Hope\s+(?:this|that|it|I|you|my|the|for)\b|Regards\b|(?:[Ww]ith\s+)?(?:Kind|Best|Warm)\s+(?:[Rr]egards|[Ww]ishes)\b|"
    r"Thanks?\b(?!\s+to\b)|THANKS?\b(?!\s+TO\b)|Take\s+[Cc]are\s+(?=ourforum)|Wish(?:ing)?\s+(?:you|good|U)\b|Get\s+well\s+soon\b|"
    r"Let\s+me\s+know\s+(?:if|in)\b|[Ff]eel\s+free\s+to\b|(?:please\s+)?do\s+not\s+hesitate\b|All\s+the\s+best\b|Good\s+luck\b|"
    r"(?i:for\s+(?:more|further)\s+(?:information|queries|doubts|details)\s*,?\s*consult)\b|For\s+(?:more|further)\s+information\b|"
    r"(?i:(?:i\s+)?(?:do\s+)?hope\s+(?:that\s+)?(?:i|this|it|these|the|my|you)\b[^.!?\n]{0,60}\b(?:answer|help|clear|satisf|query|question|useful))\w*|"
    r"if\s+so\s+do\s+vote\b|Good\s+day\b|Stay\s+(?:healthy|safe)\b))[^.!?\n]{0,160}[.!?\s]*$"
)
# What can only end a text, whatever stands before it, and however close.
LAST_WORDS = _pattern(
    r"(?:[\s,.!;:)-]+(?:thank\s*you|thanks|thanx|thx|take\s+care|all\s+the\s+best|best\s+wishes|regards|cheers|bye)|"
    r"[\s,.!;:)-]*(?:best\s+of\s+luck|good\s+luck|hope\s+i\s+was\s+of\s+help)(?:\s+to\s+you)?)[\s.!]*$"
)
LAST_WORDS_WINDOW = 48
ENDS = (
    *(
        "thank you",
        "thankyou",
        "thanks",
        "thanx",
        "thx",
        "take care",
        "all the best",
        "best wishes",
        "regards",
        "cheers",
        "bye",
    ),
    *("luck", "of help", "to you"),
)
DAYS = ("day", "night", "evening", "morning", "weekend", "time")
LINKS = ("link", "http", "bit.ly", "url", "website", "->")
LINK_STUMP = re.compile(
    r"(?:-+>\s*)?<link>|-+>\s*$|\bbit\.ly/?\S*|\b(?:use|visit|in|at|on|through|using|post|see)\s+(?:this|the\s+following|my)\s+(?:URL|link|website)\b|\bhttps?\b[.:/\s]*$",
    re.IGNORECASE,
)
SIGNATURE = re.compile(r"^[\s\-–—,.]*(?:[A-Z][\w'’&-]*\.?,?\s*){1,5}$")
"""Capitalised words alone, up to five."""
ROLE = re.compile(
    r"\b(?:specialist|surgeon|physician|consultant|MBBS|MD|FRCS|PhD|MS|DNB|expert|therapist|counsell?or|advisor|engineer)\b"
)
# Where an answer was cut off: words that cannot end a sentence.
DANGLING = _pattern(
    r"(?:^|[\s(])(?:the|a|an|of|to|and|or|with|for|by|in|on|at|from|as|is|are|was|were|includes?|including|involves?|following|"
    r"(?:as\s+)?follows|like|than|because|into|your|their|its|his|her|be|that|which|who|if|when|such\s+as|consists?(?:\s+of)?|may|can|"
    r"should|will|would|must|not|do|does|about|between|during|until|any|some|these|those|very|e\.g|i\.e|syn|hy|chil|hun)\s*[:,;\-–—]*$|[,;(\-–—]$"
)
PROMISE = _pattern(
    r"(?:\bthe\s+following\b|\bas\s+follow(?:s|ing)?\b|\bthese\s+are\s+the\b|\b(?:given|listed|mentioned|described)\s+below\b|\bfollow\s+these\b|"
    r"\b(?:some|few)\s+(?:\w+\s+)?(?:tips|measures|suggestions|points)\s*$)[^.]{0,60}$"
)
"""A last sentence without a stop that announces a list: the list was lost upstream."""
HIDDEN = ("removed", "deleted", "hidden", "redacted")
STOPS = (".", "!", "?", "…", ")", '"')
PLACEHOLDER = _pattern(
    r"\s*[(\[][^()\[\]\n]{0,40}\b(?:removed|deleted|hidden|redacted)\b[^()\[\]\n]{0,40}\b(?:protect|privacy|identity|policy|moderat\w+)"
    r"[^()\[\]\n]{0,30}[)\]]"
)
# "HelloThanks", "askingHistory": a space is lost after one of these words where another such word begins.
GLUED_WORDS = frozenset(
    "Hello HELLO Hi Hey Dear dear Thanks you Regards Welcome Query query Question question Concern concern Help help Asking asking "
    "Posting posting Forum forum Clarification clarification Clarifications clarifications Care care Health health Helps helps "
    "Soon soon Luck luck".split()
)
WORD_BEFORE = re.compile(r"(?<![A-Za-z])([A-Za-z]+)$")
WORD_BEHIND = re.compile(r"(?:Thanks?|Welcome|Hope|Regards|Take|I|You|Your|The|It|As|In|[A-Z][a-z]{3,})\b")
GLUED_BRAND = re.compile(rf"{BRAND}(?=[A-Z][a-z]|I\s)")
BRAND_END = _pattern(rf"{BRAND}(?:\s+(?:forum|team|community|here|clinic))*{END}")
REST = re.compile(r"[\s\-–—,.;:)]*(?:[a-z]|\d+(?:\.\d+)?\s*(?:mg|ml|mcg|g|%)\b|(?![AI]\s)[A-Z]\b(?!['’]))")
"""How the rest of a sentence begins after its middle is lost."""
HOPES = _pattern(GOODBYES[0])
GLUED = re.compile(r"[a-zIO][A-Z]")
"""A text without this sign lost no space."""
INSIDE = (
    *(
        "hope",
        "hoping",
        "wish",
        "feel free",
        "thank",
        "let me know",
        "regards",
        "take care",
        "hesitate",
        "happy to",
        "glad to",
    ),
    *("your query", "your question", "your concern", "welcome", "get back", "revert"),
)
"""A sentence without one of these is no boilerplate. Looking for them takes 3 us a row; judging the sentences takes 100."""
