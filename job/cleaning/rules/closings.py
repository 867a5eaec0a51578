"""How boilerplate ends an answer: goodbyes, wishes, signatures, and sentences that break off. Data for forum.py."""

from __future__ import annotations

import re

from job.cleaning.rules.boilerplate import MISSPELT_THANKS, pattern

# A sentence at the end that begins so says goodbye; it goes whole.
GOODBYES = (
    r"(?:and\s+|so\s+)?(?:i\s+|we\s+)?(?:do\s+|really\s+|sincerely\s+|just\s+|am\s+)?hop(?:e|ing|ed)\s+(?:this|that|it|i|my|the\s+(?:above|"
    r"information|answer|details|best)|you(?:r(?!\s+(?:doctor|physician|dentist)))?|to\s+(?:have|hear|see)|these|we|for\s+(?:the\s+)?(?:best|your)|"
    r"he|she|they|we|god|above|all|everything|every\s+thing|answer)\b",
    r"(?:and\s+)?(?:many\s+)?(?:thanks?(?:\s+(?:you|u))?|thankyou|thanx|thx)\b(?!\s+to\b)",
    r"(?:with\s+)?(?:(?:best|kind|kindly|warm|warmest|kindest|good)\s+)*(?:regards|wishes)\b",
    r"(?:best|warmly|truly|yours?(?:\s+(?:sincerely|truly|faithfully))?|sincerely|faithfully|respectfully)\s*[,.!]*$",
    r"(?:so\s+|also\s+)?(?:please\s+|kindly\s+|do\s+|always\s+|you\s+(?:can\s+|may\s+)(?:also\s+)?)*(?:be\s+)?(?:feel|fell)\s+free\b",
    r"(?:so\s+)?(?:please\s+|kindly\s+|do\s+)*(?:let|keep)\s+(?:me|us)\s+(?:know|informed|posted|updated)\b",
    r"(?:so\s+)?(?:please\s+|kindly\s+|do\s+|you\s+(?:can|may|could)\s+|always\s+)*(?:write|get|revert|come|post|report|reply)\s+(?:me\s+|us\s+)?back\b",
    r"(?:so\s+)?(?:please\s+|kindly\s+|do\s+|you\s+(?:can|may)\s+)*revert\b",
    r"(?:please\s+|kindly\s+|do\s+)*(?:click|press|select|accept|close|hit|indicate|mark)\s+(?:this|the|my|it|as|on|for|me)\b[^.!?\n]{0,60}?\b(?:answers?|"
    r"reply|query|discussion|thread|stars?|thumbs?|thanks|helpful|helped|ratings?|feedback|votes?|best)\b",
    r"(?:please\s+|kindly\s+|do\s+)*(?:rate|vote)\s+(?:it|as|on|for|me)\b",
    r"(?:so\s+)?(?:please\s+|kindly\s+)*(?:don['’]?t|do\s+not|never)\s+hesitate\b",
    r"(?:and\s+|but\s+|so\s+)?(?:please\s+)?(?:if|in\s+case|should|incase|do\s+you|for)\s+(?:you|u|of|there\s+(?:is|are)|still|any)?\s*"
    r"(?:still\s+|do\s+)?(?:have|had|need|require|want|wish|are\s+having|get|of)?\s*(?:any|more|some|further|additional|other|a|my)\s+"
    r"(?:other\s+|more\s+|further\s+|additional\s+|follow[\s-]*up\s+|such\s+|specific\s+|kind\s+of\s+|type\s+of\s+|sort\s+of\s+|health\s+|of\s+my\s+|"
    r"medical\s+)*(?:quer|question|doubt|concern|clarification|help\b|assistance|information|guidance|suggestion|confusion|advice)",
    r"(?:any|for\s+any)\s+(?:more\s+|further\s+|other\s+)+(?:quer|question|doubt|concern|clarification|information|help)",
    r"(?:any|for\s+any)\s+(?:quer|question|doubt|concern|clarification)",
    r"(?:i\s+(?:will|would|shall|am|['’]ll)|i['’](?:ll|m|d)|we\s+(?:will|would|are)|would|will)\s+(?:be\s+|always\s+|really\s+|more\s+than\s+)*"
    r"(?:happy|glad|pleased|delighted|here|available|waiting|obliged|grateful)\b",
    r"(?:i\s+(?:will|would|shall)|i['’]ll)\s+(?:like|love|try|be)\s+(?:to\s+)?(?:my\s+best\s+to\s+)?(?:help|assist|answer|guide|clarify|waiting|hear|see\s+you\b)",
    r"(?:happy|glad|pleased|available|here)\s+(?:to|for)\s+(?:help|assist|answer|further|any|more)",
    r"for\s+(?:more|further|any|other)\s+(?:\w+\s+)?(?:information|quer|doubt|question|help|assistance|clarif|guidance|details|discussion|suggestion)",
    r"(?:if|is)\s+there\s+(?:is\s+|are\s+)?any(?:thing|\s+other)\b.{0,80}\b(?:ask|know|help|enquire|assist|answer|doubt)",
    r"(?:you\s+(?:can|may|could)\s+)?(?:also\s+|always\s+|directly\s+|do\s+)*(?:write|talk|speak|come\s+back|send\s+\w+)\s+(?:back\s+)?to\s+(?:me|us)\b",
    r"i\s+(?:remain|am|will\s+be)\s+(?:always\s+)?(?:at\s+your\s+(?:disposal|service)|available|there\s+for\s+you)",
    r"(?:further|more)\s+(?:quer|question|clarification|consultation|discussion)",
    r"(?:wel+comed?|available|looking\s+forward|waiting)\s+(?:for|to|you|your|ur)\b",
    r"(?:have|enjoy)\s+(?:a|an|your)\s+(?:very\s+)?(?:(?:nice|great|good|healthy|wonderful|blessed|pleasant|lovely|safe|speedy|happy|quick|smooth|long)[\s,]+(?:and\s+)?)+"
    r"(?:day|night|evening|morning|afternoon|weekend|week|year|time|one|life|future|recovery|pregnancy|delivery|journey|trip|holidays?|new\s+year|health|ahead)\b(?!['’])",
    r"(?:will\s+|would\s+)(?:highly\s+|really\s+)?appreciate\s+(?:your|if\s+you)\b",
    r"contact\b.{0,50}\b(?:me|us)\b",
    r"(?:get|feel|be)\s+(?:well|better|safe|fine|healthy)\b(?:\s+and\s+\w+)?(?:\s+soon)?\s*[.!,]*$",
    r"(?:a\s+|wish\w*\s+)?speedy\s+recovery\b",
    r"(?:please\s+|kindly\s+|do\s+|don['’]?t\s+forget\s+to\s+)*(?:leave|give|write|provide|share|drop|post|add|press|hit)\s+(?:\w+\s+){0,6}?"
    r"(?:feedbacks?|reviews?|comments?|ratings?|stars?|votes?|testimonials?|thumbs?|points|likes?|thanks)\b",
    r"(?:please\s+|kindly\s+|do\s+|don['’]?t\s+forget\s+to\s+)*(?:up-?vote|thumbs?[\s-]?up\b|(?:rate|vote|star|like|review)\s+(?:this|my|me|us|it|if|for|high|"
    r"the\s+(?:answers?|reply|response|service|thread|doctor|session)))\b",
    r"(?:you\s+(?:can|may|could)\s+|please\s+|kindly\s+|do\s+|also\s+|always\s+|just\s+)*(?:chat|call|ring|phone|video[\s-]?call|text|whatsapp|"
    r"message|ping|talk|speak|connect|meet|discuss|follow[\s-]*up|stay\s+in\s+touch|be\s+in\s+touch)\s+(?:(?:to|with|on)\s+)?"
    r"(?:me|us|our\s+(?:team|experts?|doctors?|staff)|here|again|back|directly|anytime|any\s+time)\b",
    r"(?:do\s+|you\s+(?:can|may)\s+)?(?:chat|follow[\s-]*up)\s+(?:again\s+)?(?:(?:if|in\s?case)\s+(?:(?:you|u)\s+(?:need|want|wish|like|"
    r"have\s+(?:\w+\s+){0,3}?(?:quer\w+|questions?|doubts?|concerns?|clarifications?|confusions?))|required|needed)|for\s+any\s?thing\s+(?:more|else|further))\b",
    r"(?:you\s+(?:can|may|could)\s+|please\s+|do\s+|always\s+|just\s+)*(?:come|visit)\s+(?:back\s+|again\s+)?(?:any\s?time|again|back|here|to\s+us|to\s+me|us)\b",
    r"so\s+(?:that\s+)?(?:i|we)\s+can\s+(?:help|assist|guide)\b",
    r"(?:(?:you\s+(?:can|may)|please|kindly|do)\s+)*review\s+with\s+me\b",
    r"(?:please|kindly|pls)\s+(?:reply|answer|respond)\b(?!\s+to\s+(?:the|your|an?)\b)",
    r"tell\s+(?:me|us)\s+(?:the\s+|any\s+)?updates?\b",
    r"(?:so\s+)?(?:that\s+is|that['’]?s|this\s+is)\s+my\s+(?:advice|opinion|suggestion)\b.{0,12}$",
    r"(?:may\s+)(?:you|your\s+\w+|god|the\s+lord|allah|almighty|he|she|they|all)\b",
    r"(?:(?:stay|be|keep|live|lead|have)\s+(?:(?:a|an|and|very|good|healthy|safe|blessed|peaceful|happy|happily|prosperous|wonderful)[\s,]+)*)+"
    r"(?:happy|long|happily)\b(?:[\s,]+(?:and\s+)?(?:life|lives|long|healthy|happy|blessed|prosperous|always|forever|smiling))*\s*[.!]*$",
    r"(?:i\s+|we\s+|will\s+|always\s+)*pray(?:ing|s)?\s+(?:for|to)\b",
    r"(?:a\s+|your\s+|an\s+)?(?:five|5)[\s-]*stars?\b",
    r"(?:long|happy|healthy)\s+(?:and\s+\w+\s+)?life\s+(?:to|for)\b",
    r"(?:best\s+of|good|all\s+the)\s+luck\b",
    r"all\s+the\s+(?:very\s+)?best\b",
    r"(?:may\s+)?god\s+(?:bless|help)\b",
    r"(?:be\s+|stay\s+|keep\s+)(?:healthy|safe|blessed|well|happy|in\s+touch|fit|smiling|strong)(?:\s+(?:and|&)\s+(?:healthy|safe|blessed|well|happy|fit))?\s*[.!,]*$",
    r"(?:please\s+|do\s+)?take\s+(?:good\s+)?care(?:\s+(?:of\s+)?(?:yourself|your\s*self|your\s+health|him|her|of\s+(?:him|her)|dear))?\s*[.!,]*$",
    r"(?:have\s+i|did\s+i|has\s+this|does\s+this|did\s+this|i\s+think\s+(?:i\s+have\s+|your\s+)|is\s+this)\s*(?:answer|quer|question|help|your\s+(?:question|query))",
    r"(?:\(?if|when)\s+(?:the|this|my|you\s+(?:find|found|are|like|feel))\s+(?:this\s+|my\s+|the\s+)?(?:answer|satisfied|helpful|happy)",
    r"(?:(?:please|kindly|do|always|you\s+(?:can|may))\s+)*ask\s+again\b",
    r"(?:cheers|bye|goodbye|ciao|thats?\s+all|that['’]s\s+all|over\s+and\s+out)\s*[.!,]*$",
    r"(?:you\s+can\s+(?:always\s+|also\s+)?|please\s+|kindly\s+)?(?:contact|consult|ask|reach|message|approach|chat\s+with|email|mail|call)\s+(?:me|us|with\s+me|with\s+us)\b",
    r"(?:you\s+can\s+|you\s+may\s+)?(?:book|schedule)\s+(?:for\s+)?an?\s+(?:online|video|phone|chat|appointment|consultation|call|session|slot)",
    r"i\s+(?:have\s+)?(?:tried|did)\s+my\s+best\b",
    r"(?:pleased?|nice|good)\s+to\s+(?:help|answer|assist)",
    r"(?:i\s+)?(?:sincerely\s+|really\s+)hope\b",
    r"(?:this|that)\s+is\s+my\s+(?:best\s+)?(?:advice|opinion|suggestion)\s+(?:for|to)\s+you",
    r"dr\.?\s+(?-i:[A-Z])[\w.]*(?:\s+(?-i:[A-Z])[\w.]*){0,3}\s*(?:,.{0,60})?$",
)
GOODBYE_LETTERS = (
    *"adhijrsw amt bgkrw bfrstwy abdfkpsy dklps acdgkprswy dkprsy acdhikmps dkprv dknps abdfips af af iw i aghp".split(),
    *"f i acdstwy i fm alw eh w c bfg asw adghklpsw dklprstuv abcdfjkmprstvwy cdfy acdjpvy s dkpry kp t st m".split(),
    *"bhkls aipw 5afy hl abg a gm bks dpt dhi iw adkpy bcgot acekmpry bsy i gnp irs t d".split(),
)
"""The first letters of each goodbye, so that only those are tried which may be one."""
POLITE = (
    "thank|hope|hoping|wish|regards|revert|let me know|let us know|get back|write back|online|feel free|"
    "hesitate|feedback|contact me|contact us|rate |vote|star|call me|chat|bless|luck|thanx|thx|take care|"
    "all the best|cheers|bye|of help|get well|good day|stay |for more|for further|ask again|send |upload|"
    "attach|share |up with |next step|tell me|to me|provide me|update me|see me|meet me|consult me|show me|"
    "email me|mail me|message me|bring it|mail it|show it|go over|talk about|see us|to us|with me|with us|"
    "waiting|wait for your|wait your|no fear|question|appy to|lad to |ere to help|holiday"
).split("|")
"""An end without one of these has no polite clause. Looking for them takes 2 us, for the clauses 25."""
WORDS = frozenset(
    """explain something anything unclear enquire enquiry asap touch rid pain relief following advices exact url http https
    www link links ly bit com online follow followup treatment treating family management manage plan planning proper
    diagnosis diagnose proceed accordingly adjusted sign signs symptom discussing discuss further above asked answers
    test tests results result weeks week days month months investigations investigation lab laboratory photos picture
    personal clinical fear await lovely holiday holidays vacation you'll he'll she'll
    purpose ent general internal medicine medical aids hiv child eye oral fetal plastic hair
    transplant letter finds night weekend year garden son daughter mother father wife husband baby grandson
    granddaughter kid kids pet else still already future return final however either indicate beneficial early
    two three four five six seven ten fifteen hitting needy patients
    ayurveda ayurvedic homeopathic infertility allergy radiodiagnosis critical surgical nutritionist endodontist
    orthodontist fitness yoga lactation dental sexual related
    next step steps thing things experts update new events love mom ciao waiting awaiting disposal remain whenever""".split()
)
"""What goodbyes speak of besides: the reader's people, the reports to come back with, the specialists of a platform."""
TITLES = (
    *("ologist", "iatrist", "ician", "aedist", "opedist", "therapist", "dentist", "counselor", "counsellor", "surgeon"),
    *("practitioner", "physician"),
)
"""How words for people to turn to end, a plural s aside."""
_ACT = (
    r"(?:stop|avoid|apply|drink|eat|continue|start|wash|repeat|check|reduce|increase|add|rinse|clean|switch|remove|"
    r"replace|restart|install|take|use|try|get|see|keep|go|give|make|put|visit|wear|limit|quit|monitor|feed|turn|"
    r"maintain|consume|swallow)"
)
_NO_TALK = (
    r"(?!(?:the|your)\s+(?:[\w-]+\s+){0,3}?(?:thread|answers?|quer(?:y|ies)|discussion|questions?|chat|stars?|ratings?|feedback|button|link|site|"
    r"website|forum|services?|reply|reviews?|opinions?|advice|suggestions?|time|doubts?|concerns?|information|details|reports?|results?|photos?|pictures?|"
    r"images?|consultation|opportunity|same|best|app|page|x-?rays?|scans?)\b)"
)
"""What a courtesy acts on; "keep the wound dry" is none."""
INSTRUCTION = pattern(
    rf"(?:[,;:–]|\s-|\b(?:and|but|then|so|please|kindly|(?:free|hesitate)\s+to))\s+(?:then\s+|please\s+|kindly\s+|also\s+|do\s+|not\s+|don['’]t\s+|never\s+)*{_ACT}\s+"
    rf"(?:(?!(?:me|us|you|back|in\s+touch|care|this|the|my|your)\b)|(?=(?:the|your)\s){_NO_TALK})\w|"
    r"(?:[,;]|\b(?:and|but|so))\s+(?:please\s+)?(?:do\s+not|don['’]?t|never|remember\s+to)\s+(?!hesitate|worry|forget\s+to\s|mind|be\s)\w|"
    r"^(?:please\s+|kindly\s+)*(?:stop|avoid|apply|drink|eat|continue|start|wash|repeat|reduce|increase|rinse|remove|replace|monitor)\b|"
    rf"^(?:please\s+|kindly\s+)*{_ACT}\s+(?!(?:me|us|back|in\s+touch|care|well|better|this|the|my|your|an?|some)\b)\w"
)
"""A clause that tells the reader what to do; among polite phrases alone it does not count."""
STATEMENT = pattern(
    r"(?:[,;:–]|\s-|\b(?:and|but|because|since|as))\s+(?:the|it|its|this|these|they|there|he|she|an?|no|yes|which|"
    r"you\s+(?:should|must|need|have\s+to|are|may|can))\b[^,;]*"
)
"""A clause that tells the reader how things are."""
_PRAISED = (
    r"(?P<of>(?:[\w-]+\s+){1,3}?)(?:(?:is|are|will\s+be|would\s+be)\s+(?:(?:also|very|really|a|most)\s+)*"
    r"(?:good|useful|helpful|important|necessary|needed|advised|advisable|recommended|beneficial|essential|must)|helps?)\b"
)
PRAISED, PRAISES = pattern(_PRAISED), pattern(rf"\b(?:and|but)\s+{_PRAISED}")
"""Advice joined to a courtesy: "Thanks, and shade is good for it"."""
WAITING_AND = pattern(
    r"[\s,;]*\b(?:(?:i(?:\s+am|['’]m|\s+will\s+be)\s+)?(?:a?waiting)|i(?:\s+will|['’]ll)\s+a?wait)\s+(?:for\s+)?(?:your|ur)\s+"
    r"(?:(?:reply|response|answers?)\s+and\s+(?:also\s+)?|"
    r"(?:reply|response|answers?|photos?|photographs?|pictures?|pics|images?|reports?)\s+(?P<or>or)\s+(?:else\s+)?(?=(?:(?:you|u)\s+(?:can|may|could|should|must)\s+)?(?:go\s+to|visit|see|consult|contact|meet|show|ask)\s+"
    r"(?!me\b|us\b|our\b|my\b|here\b|online\b)))"
)
"""What goes before advice: "waiting for your reply and hot drinks", "waiting for your photos or see a doctor"."""
ADVISES = pattern(rf"^\W*(?:please\s+|kindly\s+)*(?:{_ACT}|consult|contact|call|meet|ask|follow|do|start)\s")
"""What no signature begins with."""
REFERRAL = pattern(
    r"\b(?:consult|see|contact|call|visit|speak|talk|discuss|meet|ask|inform|tell|show|go|return|follow(?:\s*-?up)?|back)\b[^.!?]{0,40}?"
    r"\b(?:your|an?|the|his|her|our|nearest|nearby|local|some)\s+(?:[\w-]+\s+){0,2}?(?:doctor|gp|specialist|\w+(?:ologist|iatrist|llergist|nternist|pa?edist|ometrist|ician|therapist|dentist)|"
    r"physician|surgeon|provider|professional|hospital|clinic|emergency|pharmac\w+|vet)\b(?![^.!?]*(?:\bonlline\b|\bonline\b|-->))"
)
"""Somebody to turn to who is not the writer: that is advice."""
CLAUSE = pattern(
    r"\s*[,;–-]\s*(?:and|but|so|also)?\s+|\s+(?:and|but)\s+(?:also\s+|then\s+)?|\s*…\s*|"
    r"\s+or\s+(?=(?:else|please|kindly|post|send|upload|you\s+(?:can|may|could)\s+(?:also\s+)?(?:send|post|upload|share))\b)"
)
CONDITION = pattern(
    r"^[\s\"'(]*(?:and\s+|but\s+|so\s+|also\s+)?(?:if|in\s+case|incase|when|whenever|should|unless|until|once|after|before|"
    r"for\s+(?:any|more|further|additional))\b"
)
WHENEVER = pattern(r"^\W*whenever\b[^,]*$")
"""A condition that lost its clause."""
ONLINE = pattern(
    r"(?:(?<=ist)|(?<=ian)|(?<=ogy)|(?<=geon)|(?<=ctor)|(?<=tioner)|(?<=apist)|(?<=pert))\s+onl+ine\b[\s.,-]*(?:-+>?\s*)?(?:<(?:link|url)>)?\s*$|"
    r"\s+onl+ine\b[\s.,]*-+>?\s*(?:<(?:link|url)>)?\s*$"
)
FILLER = (
    r"(?:(?:also|so|and|but|else|otherwise|then|however|finally|lastly|meanwhile|anyways?|again|pls|plz|please|kindly|moreover|till\s+then|"
    r"until\s+then|for\s+now|once\s+again)\b[\s,]*+)"
)
MOST_FILLERS = 3
"""Before a goodbye or a request. Nothing behind one begins with a blank or a comma: possessive, so that none is given back."""
# A goodbye behind any words; tried where one of the signs is there, since it costs as much as all the others.
FAR_SIGNS = ("online", "revert", "contact ", "reach ", "message ", "mail ", "ask ")
FAR_GOODBYE = pattern(
    r"^[^.!?\n]{0,60}\b(?:(?:consult(?:ation)?|revert(?:\s+back)?|get\s+back|follow\s*-?up)\b[^.!?]{0,90}(?<!is\s)(?<!are\s)\bonline\b"
    r"(?!\s+(?!(?:for|if|with|at|in|on|to|or|and|so|after|before|when|once|as|regarding|about|through|via|again|who|now|here|at|by|of|consult\w*|follow\w*|"
    r"appointment|platform|chat|session|please)\b)[a-z])|"
    r"(?:contact|reach|message|mail|email|ask)\s+(?:me|us)\b[^.!?\n]{0,60}[.!?\s]*$|revert(?:\s+back)?\s*[.!]*$)"
)
# The same a few words into a sentence: "With the grace of God I wish you ...". Only tried where the word is there at all.
WISHES = pattern(
    r"^[\w\s\"'(-]{0,26}\bwish(?:ing|es)?\s+(?:you(?!\s+(?:were|had|would|could)\b)|your|u|ur|him|her|them|good|a\s+|all|for|the\s+best|speedy|well)\b"
)
GOOD_DAY = pattern(
    r"^\W*(?:(?:have|wish|wishing|enjoy|you|u|your|ur|all|an?|the|very|and|thanks?|thank|regards|hope|hoping|rest|of|take|care|dear|so|to|may|with|my|god|"
    r"bless|pl[sz]|please|friend|sir|madam|best|wishes|bye|ok|okay|then|once|again|really|i|we|cheers|till|hi|hello|do)\W+)*(?:good|nice|great)\s+(?:day|night|evening|morning|weekend|time)\s*[.!,]*$"
)
# Where a goodbye begins without a full stop before it; only words that cannot go on a sentence.
GLUED_GOODBYE = re.compile(
    r"(?:[\s,.!;:)\]…-]+|(?<=[a-z\d)])(?=[A-Z])|(?<=[a-z][a-z])(?=waiting\s+(?:for\s+)?(?:ur|your)\s|update\s+me\s)|(?<=[a-z]{3})(?=i\s+a?wait(?:ing)?\s+(?:for\s+)?(?:ur|your)\s))(?:(?i:(?:and|so|please|kindly|pls|plz|also|always|just|(?:you|u)\s+(?:can|may|could))\s+){0,3}(?:I\s+(?:do\s+)?hope\s+(?:this|that|it|I|you|my|the\s+(?:above|information|answer))\b|"
    r"Hope\s+(?:this|that|it|I|you|my|the|for)\b|Regards\b|(?:[Ww]ith\s+)?(?:Kind|Best|Warm)\s+(?:[Rr]egards|[Ww]ishes)\b|"
    r"Thanks?\b(?!\s+to\b)|THANKS?\b(?!\s+TO\b)|Take\s+[Cc]are\s+(?=ourforum)|Wish(?:ing)?\s+(?:you|good|U)\b|Get\s+well\s+soon\b|"
    r"Let\s+me\s+know\s+(?:if|in)\b|[Ff]eel\s+free\s+to\b|(?:please\s+)?do\s+not\s+hesitate\b|All\s+the\s+best\b|Good\s+luck\b|"
    r"(?i:for\s+(?:more|further)\s+(?:information|queries|doubts|details)\s*,?\s*consult)\b|For\s+(?:more|further)\s+information\b|"
    r"(?i:(?:i\s+)?(?:do\s+)?hope\s+(?:that\s+)?(?:i|this|it|these|the|my|you)\b[^.!?\n]{0,60}\b(?:answer|help|clear|satisf|query|question|useful))\w*|"
    r"[Tt]hanks?\s+(?:you\s+)?for\s+(?:more|any|your|the|asking|using|choosing|posting|contacting|consulting|trusting)\b|"
    r"(?i:hope\s+(?:he|she|they|your\s+\w+)\s+(?:gets?|feels?|recovers?|is|are|will)\b)|"
    r"(?i:(?<![a-z]\s)no\s+fear[,\s]+(?:dear\s+)?(?:you|u|he|she|it|all|everything)(?:['’]ll|\s+will|\s+shall)\s+(?:(?:soon|surely|certainly|definitely|also|again|all)\s+)*(?:be|get|feel)\s+(?:all\s+)?"
    r"(?:fine|well|ok(?:ay)?|better|good|right|alright)(?:\s+(?:soon|again))*(?=[\s.!]*$))|(?=[Ii]\s)(?i:i\s+(?:(?:am|will)\s+)?a?wait(?:ing)?\s+(?:for\s+)?(?:ur|your)\s+(?:reply|response|answers?)\b)|"
    r"(?i:(?:waiting|awaiting)\s+(?:for\s+)?(?:ur|your)\s+(?:reply|response|answers?)\b)|(?=[UuGg])(?i:update\s+me\s+(?:with|on|about|if|after)\b|god\s+bless\s+(?:you|u)\b)|if\s+so\s+do\s+vote\b|"
    r"(?=[AFISTWafistw])(?i:(?:(?:so|and|then|after\s+(?:that|this)|from\s+there)[\s,]+)*(?:i|we)\s+(?:will|can|shall|would|could)\s+(?:then\s+)?(?:be\s+able\s+to\s+)?(?:guide|help|advise|assist)\s+(?:you|u)\s+"
    r"(?:(?:to|for|on|about|with|regarding|in)\s+)?(?:the\s+|your\s+)?next\s+steps?\b)|Good\s+day\b|Stay\s+(?:healthy|safe)\b))[^.!?\n]{0,160}[.!?\s]*$"
)
WAITS = pattern(
    r"\b(?:that\s+you|who|which|they|people|should|will|would|must|may|might|not|never|to)$|"
    r"\b(?:if|in\s?case|whenever|for)\s+(?:(?:you|u)\s+(?:still\s+)?(?:have|need|want|get)\s+)?(?:any|more|further)\b[^,.;:!?]*$"
)
"""Before a goodbye that is the verb of the sentence: "It matters that you feel free to ask me"; and a condition before it."""
# What can only end a text, whatever stands before it, and however close.
_NOT_FELT = "".join(
    rf"(?<!\b{word}\s)"
    for word in (
        "than feel felt feels feeling be being am so say said very not really truly are is was were m a or and too sounds "
        "looks seem seems"
    ).split()
)
"""Before an apology: "better safe than sorry", "he felt sorry"."""
_NOT_HOPED = "".join(
    rf"(?<!\b{word}\s)"
    for word in "lose losing lost up more much still real new good great full false keep lots little there's is".split()
)
"""Before a hope with a smiley behind it, which is no wish: "never give up hope"."""
LAST_WORDS = pattern(
    r"(?:[\s,.!;:)…-]+(?:thanx|thx|take\s+care|all\s+the\s+best|(?<=…)best|(?<=…\s)best|(?:(?:kind|best|warm)\s+)?(?:regards|wishes)|cheers|bye|god\s+bless(?:\s+you)?|feel\s+better\s+soon|"
    rf"(?:i\s+am\s+(?:really\s+|so\s+|very\s+)*|{_NOT_FELT})sorry(?:\s+for\s+that)?|{_NOT_HOPED}hope(?=\s*[\U0001f300-\U0001faff\u263a]))|"
    rf"[\s,.!;:)…-]*(?:(?:thank\s*you|thanks)\s+and\s+good\s*luck|(?:best|kind|warm)\s+regards|best\s+of\s+luck|go[oi]d\s*luck|get\s+well\s+soon|thank(?:ing)?[\s-]*(?:you|u)|(?:many\s+)?(?<!\bhe\s)(?<!\bshe\s)thanks(?:\s+a\s+lot)?|(?-i:(?<=[a-z])Take)\s+care|hope\s+i\s+was\s+of\s+help|sorry\s+for\s+(?:the\s+|this\s+)?(?:bad|sad)\s+news|"
    rf"{'|'.join(sorted(MISSPELT_THANKS - {'hans', 'thans'}))})(?:\s+to\s+you)?)[\s.!…\U0001f300-\U0001faff\u263a\ufe0f]*$"
)
LAST_WORDS_WINDOW = 48
ENDS = (
    *(
        "thank you",
        "thankyou",
        "thank u",
        "thanking u",
        "thanking you",
        "thank-you",
        "thanks a lot",
        "thanks",
        "thanx",
        "thx",
        "take care",
        "the best",
        "wishes",
        "regards",
        "cheers",
        "bye",
        "luck",
    ),
    *(
        "of help",
        "d news",
        "to you",
        "soon",
        "bless",
        "bless you",
        "best",
        "sorry",
        "hope",
        "for that",
        *sorted(MISSPELT_THANKS),
    ),
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
HOPES = pattern(GOODBYES[0])
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
    *(
        "your query",
        "your question",
        "your concern",
        "god bless",
        "welcome",
        "get back",
        "revert",
        "disposal",
        "any help",
        "help you",
    ),
    *(
        "any quer",
        "any question",
        "any doubt",
        "any further",
        "more questions",
        "all the best",
        "very best",
        "sorry for",
    ),
    *("please reply", "please answer", "help u", "guide u", "guide you", "advise you", "assist you"),
)
"""A sentence without one of these is no boilerplate. Looking for them takes 3 us a row; judging the sentences takes 100."""
INSIDE_WORDS = """
    hope hopes hoped hopeful hopefully hoping wish wishes wished wishing thank thanks thankyou regards hesitate welcome welcomed
    revert reverts reverting reverted disposal upload uploads uploaded uploading attach attached attaching attachment
    attachments photo photos photograph photographs picture pictures image images snapshot snapshots"""
"""Of those that are one word, and of such requests: the words that begin so."""
