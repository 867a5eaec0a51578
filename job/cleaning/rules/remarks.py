"""What a writer says of the consultation itself: that a picture is missing, that more could be said once it is there, that the
question was read, what the advice rests on. Says which sentence is nothing but that. Data for forum.py.

Each family has signs, since most sentences hold none of them: looking for them takes 1 us, trying all patterns 11.
"""

from __future__ import annotations

import re

from job.cleaning.rules import boilerplate, closings, content, signs, tails
from job.cleaning.rules.boilerplate import pattern
from job.cleaning.rules.requests import (
    KNOWS_OF,
    OTHERS_TO_TELL,
    REQUEST_WORDS,
    RULES_OUT,
    SECOND_VERB,
    TO_OTHERS,
    asks_back,
    gives_reason,
    is_about_it,
    may_ask,
    others_in,
)
from job.cleaning.rules.signs import Signs
from job.cleaning.rules.text import remembered

_FILLER = (
    r"(?:(?:and|but|so|also|then|now|well|however|anyhow|anyways?|hence|thus|otherwise|meanwhile|in\s+the\s+meantime|please|pls|plz|kindly|"
    r"therefore|moreover|lastly|finally|again|first(?:ly|\s+of\s+all)?|unfortunately|really|actually|basically|further|though|still|dear)"
    r"\b[\s,]*+)*"
)
_ABOUT = r"(?:(?:regarding|as\s+for|coming\s+to|for)\s+[^,.!?:\n]{2,40},\s+)?"
_WITHIN = r"[^.!?\n:;]"
_SENDS = (
    r"(?:send(?:ing)?|upload(?:ing)?|attach(?:ing)?|post(?:ing)?|shar(?:e|ing)|provid(?:e|ing)|forward(?:ing)?|submit(?:ting)?|furnish|"
    r"put(?:ting)?\s+up|e?-?mail)"
)
_SENT = r"(?:sent|send|uploaded|upload|attached|posted|shared|provided|forwarded|submitted|mentioned|told|given)"
_TELLS_ME = rf"(?:{_SENDS}|mention|tell|describe|give|clarify|answer|elaborate)"
_PICTURE = r"(?:photos?|photographs?|pictures?|pics?|images?|snaps?|snapshots?|films?|slides?|videos?|attachments?)"
_SCAN = (
    r"(?:x[\s-]?rays?|scans?|mri|ct|opg|radiographs?|ecg|ekg|echo\w*|ultrasound|reports?|results?|tests?|lab\w*\s+work|records?|files?|"
    r"investigations?)"
)
_DETAILS = r"(?:details?|informations?|info|inputs?|clarifications?)"
_MANY = (
    r"(?:(?:any|the|your|ur|a|an|all|some|few|more|further|additional|clear(?:er)?|clinical|good|better|complete|full|proper|detailed|actual|"
    r"attached|his|her|of|recent|previous|these|those|other|related|required|relevant|exact|certain|medical|enough|sufficient|quality|such|"
    r"high|only)\s+)*"
)
_YOURS = rf"(?:the|your|ur|his|her|any|all)\s+(?:[\w-]+\s+){{0,4}}?{_SCAN}"
_SHOWN = rf"{_MANY}(?:{_PICTURE}|{_DETAILS}|{_YOURS})\b"
_COMMENT = (
    r"(?:comment|say|tell|assess|judge|confirm|advi[sc]e|give|make|diagnose|predict|assure|answer|suggest|conclude|guide|help|treat|"
    r"prescribe|recommend|decide|interpret|evaluate|identify|be\s+(?:sure|certain))"
)
_HARD = (
    r"(?:(?:it\s+(?:is|would\s+be|will\s+be)\s+|it['’]?s\s+)?(?:(?:really|very|quite|a|bit|too)\s+)*(?:difficult|hard|impossible|tough|"
    rf"not\s+(?:possible|easy))\s+(?:for\s+(?:me|us)\s+)?to\s+{_COMMENT}|(?:i\s+am\s+(?:(?:very|so|really)\s+)?(?:sorry|afraid)\s+(?:that\s+"
    r"|but\s+)?)?(?:i|we)\s+(?:really\s+)?(?:cannot|can\s+not|can['’]?t|could\s+not|(?:am|will\s+be)\s+(?:not\s+able|unable)\s+to|"
    rf"(?:will|may)\s+not\s+be\s+able\s+to)\s+{_COMMENT})"
)
_CAN = (
    r"(?:i|we)(?:['’]ll|\s+(?:can|could|will|would|shall|should|may|might))(?:\s+(?:then|also|surely|definitely|certainly|better|only|always|"
    r"be|able|to|in|an?|good|position|state|try|my|best|happy|glad|ready|there|here|still))*"
)
_ME = (
    r"(?:(?:you|u)\b(?!\s+to\s+(?!solve|understand|find|reach|clear)\w)|better|further|more(?=\W*$|\s+(?:if|once|when|after|on)\b)|"
    r"accordingly|any\s?time|at|in|on\s+(?:it|this|that|what)|again|later)"
)
_ASK = (
    r"(?:(?:(?:is\s+it|if\s+it\s+is|if)\s+possible(?:\s+for\s+(?:you|u))?(?:\s+to)?|(?:you|u)\s+(?:may|can|could|(?:will\s+)?(?:need|have)\s+to|should|"
    r"must|are\s+requested\s+to)|(?:can|could|would|will)\s+(?:you|u)|i?\s*(?:would\s+|will\s+)?(?:request|suggest|advise|want|like|recommend)\s+"
    r"(?:that\s+)?(?:you|u)(?:\s+to)?|try|(?:it\s+(?:is|would\s+be)\s+)?better(?:\s+(?:to|if\s+you))?|please|pls|plz|kindly|do|also)\b[\s,]*+)"
)
_NEED = (
    r"(?:i|we)(?:['’]d|['’]ll)?\s+(?:(?:would|will|should|may|do|still|also|really|just|first)\s+)*(?:like|love|want|need|prefer|require|"
    r"appreciate|wish)"
)
_LOOK = r"(?:see|have|view|review|look\s+at|go\s+through|know|get)"

_ITS = r"(?:(?!(?:by|with|from|in|on|after|before|above|below|through|using)\s)[\w-]+\s+)"
"""A word before a picture or a test that is to be looked at; "the cause by a scan" is not."""

_SHOWN = (
    # It is missing.
    rf"(?:there\s+(?:are|is)\s+no|(?:i|we)\s+(?:do\s+not|don['’]t|did\s+not|didn['’]t|cannot|can['’]?t|could\s+not|am\s+(?:not\s+able|unable)\s+to)"
    rf"\s+(?:see|find|open|view|get)(?:\s+any)?)\s+{_MANY}{_PICTURE}(?:\s+(?:attached|in|with|on|to|uploaded|here|your|this|the|query|message|"
    r"post|question|mail))*|"
    rf"(?:(?:the|your)\s+)?(?:attached\s+)?{_PICTURE}\s+(?:(?:you\s+)?(?:have\s+|had\s+)?{_SENT}\s+)?(?:is|are|was|were)\s+(?:not\s+(?:clear|visible|"
    r"sharp|available|attached|of\s+good\s+quality)|missing|unclear|blurred|blurry)(?:\s+enough)?|"
    # Nothing can be said without it.
    rf"with\s?out\s+(?:(?:{_LOOK}ing|seeing|viewing|knowing|looking\s+at|going\s+through)\s+)?{_SHOWN}{_WITHIN}{{0,50}}?,?\s+{_HARD}\b{_WITHIN}{{0,70}}|"
    rf"{_HARD}\b{_WITHIN}{{0,70}}?\s(?:with\s?out|unless|until|till)\s+(?:(?:i|we|you|can|could|have|{_LOOK}|seeing|viewing|knowing|having|"
    rf"looking\s+at|going\s+through|{_SENDS})\s+)*{_SHOWN}{_WITHIN}{{0,40}}|"
    # It would help.
    rf"it\s+(?:(?:would|will|could|might)\s+(?:have\s+been|be)|is)\s+(?:\w+\s+){{0,2}}?(?:better|good|great|best|nice|useful|helpful|appreciated|"
    rf"ideal|easier)(?:\s+for\s+(?:me|us))?\s+if\s+(?:you|u)\s+(?:(?:can|could|had|have|would|also|please)\s+)*(?:{_SENT}|{_TELLS_ME}|discussed)\b"
    rf"{_WITHIN}{{0,120}}|"
    rf"if\s+(?:you|u)\s+(?:(?:can|could|had|have|would|also|please|help\s+me\s+by)\s+)*(?:{_SENT}|{_TELLS_ME})\b{_WITHIN}{{2,110}}?[,\s]\s*"
    rf"(?:(?:then|that|it|this)\s+)?(?:(?:would|will|may|might|can)\s+(?:be|have\s+been|help|give\s+(?:me|us|an\s+idea))\b|{_CAN}\s+{_COMMENT}\b)"
    rf"{_WITHIN}{{0,90}}|"
    rf"{_CAN}\s+(?:{_COMMENT}|be\s+of\s+(?:more\s+)?help)\b{_WITHIN}{{0,60}}?\s+if\s+(?:you|u)\s+(?:(?:can|could|would|will|have)\s+)*(?:{_SENT}|"
    rf"{_TELLS_ME})\b{_WITHIN}{{0,90}}|"
    rf"{_MANY}(?:{_PICTURE}|{_DETAILS})\b{_WITHIN}{{0,50}}?\s+(?:(?:would|will|might)\s+(?:(?:also|be|have|been)\s+)*|(?:is|are)\s+(?=needed|"
    rf"required|missing))(?:(?:very|really|much)\s+)*(?:needed|required|necessary|helpful|useful|appreciated|welcome|help|better|great|missing)\b"
    rf"{_WITHIN}{{0,80}}|"
    # The writer needs it.
    rf"{_NEED}\s+(?:to\s+)?(?:{_LOOK}\s+)?(?:about\s+)?{_MANY}(?:{_DETAILS}|{_PICTURE})\b{_WITHIN}{{0,90}}|"
    rf"(?:{_NEED}|need)\s+to\s+{_LOOK}{KNOWS_OF}\s+(?:(?:the|your|ur|his|her|any|all|some)\s+)+{_ITS}{{0,5}}?(?:{_PICTURE}|{_SCAN}|history)\b{_WITHIN}{{0,60}}|"
    rf"(?:{_NEED}|need)\s+(?:your|ur)\s+(?:[\w-]+\s+){{0,3}}?(?:{_PICTURE}|{_SCAN})\b{_WITHIN}{{0,90}}|"
    # It is asked for.
    rf"{_ASK}++{_WITHIN}{{0,30}}?{_SENDS}\b{_WITHIN}{{0,60}}?\b{_PICTURE}\b{_WITHIN}{{0,120}}|"
    rf"(?:if\s+(?:you|u)\s+(?:still\s+)?(?:have|had|kept)\b{_WITHIN}{{2,70}}?[,\s]\s*)?{_ASK}++(?:photograph|scan|copy)\s+(?:it|them|this|that|these|those)\s+and\s+"
    rf"(?:then\s+)?{_SENDS}\s+(?:(?:it|them|that|to)\s+)*(?:me|us|here)\b{_WITHIN}{{0,90}}|"
    rf"(?:you|u)\s+(?:must|should|(?:will\s+)?(?:need|have)\s+to)\s+give\s+(?:me|us)\s+{_MANY}{_DETAILS}\b{_WITHIN}{{0,110}}|"
    rf"{_ASK}++take\s+{_MANY}{_PICTURE}\b{_WITHIN}{{0,80}}\band\s+(?:then\s+)?{_SENDS}\b{_WITHIN}{{0,30}}|"
    rf"{_ASK}++{_SENDS}\s+(?:(?:me|us|with)\s+)*(?:(?:your|the|his|her|all|some|few|more|any|these|those|further|additional|following|required)\s+)+"
    rf"(?:[\w/'-]+\s+){{0,5}}?(?:{_SCAN}|{_DETAILS}|histor(?:y|ies)|symptoms|answers?)\b{_WITHIN}{{0,110}}|"
    rf"(?:can|could|may)\s+(?:i|we)\s+(?:please\s+)?(?:see|have|look\s+at)\s+(?:(?:the|your|ur|his|her|any)\s+)+(?:[\w-]+\s+){{0,3}}?(?:{_PICTURE}|{_SCAN})\b"
    rf"{_WITHIN}{{0,60}}|"
    rf"{_ASK}*{_SENDS}\s+(?:me|us)\s+{_SHOWN}{_WITHIN}{{0,90}}|"
    rf"(?:(?:before|for|to|in\s+order)\s{_WITHIN}{{2,70}}?[\s,]+)?(?:you\s+are\s+requested|i\s+(?:would\s+|will\s+)?request\s+(?:you|u))\s+to\s+{_SENDS}\b{_WITHIN}{{2,110}}|"
    rf"(?:should|if|in\s+case)\s+(?:you|u)\s+(?:require|need|want|have|wish|seek)\b{_WITHIN}{{2,60}}?\s+(?:please|kindly|do|you\s+can)\s+{_SENDS}\b"
    rf"{_WITHIN}{{2,120}}|"
    rf"(?:(?:previous|old|recent|any|the)\s+){{1,3}}(?:[\w-]+\s+){{0,4}}(?:please|kindly)\s+{_SENDS}\b{_WITHIN}{{0,50}}|"
    # It was read.
    rf"(?:i\s+(?:have\s+|had\s+)?)?(?:got|seen|viewed|received|checked|gone\s+through|reviewed|read)\s+(?:(?:both|all|of)\s+)*(?:your|the)\s+(?:attached\s+|"
    rf"uploaded\s+)?(?:complaints?|problems?|{_PICTURE}|{_SCAN})(?:\s+(?:that\s+|which\s+)?(?:you\s+)?(?:have\s+)?{_SENT}(?:\s+(?:to\s+)?(?:me|us|here))?)?"
    rf"(?:\s+and\s+(?:have\s+)?(?:checked|seen|viewed|reviewed|read|gone\s+through)\s+(?:your|the)\s+(?:\w+\s+){{0,2}}?(?:{_PICTURE}|{_SCAN}))?"
    r"(?:\s+carefully)?|"
    rf"you\s+have\s+(?:uploaded|attached|sent|posted)\s+your\s+{_PICTURE}(?:\s+as\s+an?\s+\w+)?|"
    rf"i\s+(?:have\s+|am\s+)?(?:enclos|attach|upload)(?:ed|ing)\s+{_MANY}{_PICTURE}\b{_WITHIN}{{0,90}}|"
    rf"your\s+(?:[\w-]+\s+){{0,3}}?(?:{_PICTURE}|{_SCAN})\s+(?:is|are)\s+available(?:\s+and\s+i\s+have\s+(?:viewed|seen|reviewed)\s+(?:it|them))?"
)
_TOLD = (
    rf"(?=[^.!?:;\n]{{0,60}}?\b(?:me|us|here|these|those|{_PICTURE}|{_SCAN}|{_DETAILS}|data|symptoms|histor(?:y|ies)|problems?|complaints?|"
    r"answers?|questions?|queries)\b)"
)
"""Behind a word that also begins advice: "List what it eats, so we can find the cause"."""
_ASKED_OF = (
    rf"(?:please|pls|plz|kindly)\s+(?:say|tell|report|write|explain|state|describe|elaborate|clarify|inform|comment)\s+(?:(?:me|us|more|a|little|bit|"
    rf"further|in|detail|brief|briefly)\s+)*(?:about|on|regarding)\s+(?:the|your|ur|his|her|any|it|this|how|when|what)\b{_WITHIN}{{2,90}}"
)
"""What is asked of by name is a question of its own and stays: "Please say about the colour of the spots"."""
_ASKED = (
    rf"(?:(?:inform|explain|reply|answer|respond|revert|elaborate|clarify|write\s+back)\b|(?:furnish|tell|describe|mention|provide|give|send|list|post|upload|"
    rf"attach|share|specify|state|write|ask)\s{_TOLD}){_WITHIN}{{2,110}}?[\s,]so\s+(?:that\s+)?(?:i|we)\s+(?:can|could|may|will|get|understand)\b"
    rf"{_WITHIN}{{0,110}}|"
    r"(?:i|we)\s+(?:have|had|would\s+like\s+to\s+ask(?:\s+you)?|want\s+to\s+ask(?:\s+you)?)\s+(?:(?:an?|another|few|some|more|other|certain)\s+)*(?:set\s+"
    r"of\s+)?questions?(?:\s+for\s+you)?(?:,?\s*(?:and\s+)?(?:please|kindly)\s+(?:answer|reply\s+to)\s+(?:them|these|those|all))?|"
    r"(?:as\s+[^.!?:;\n]{2,90},\s+)?(?:i\s+(?:would\s+)?(?:like|want|request|need)\s+(?:(?:you|u)\s+to|answers?\s+(?:to|for|of))|please|kindly)\s+(?:answer\s+|reply\s+to\s+)?(?:(?:the|"
    rf"these|those|all|a|few|some|my|following|more|below)\s+)+questions?\b{_WITHIN}{{0,70}}|"
    r"(?:i\s+have\s+|there\s+are\s+)?(?:a\s+)?few\s+(?:(?:basic|more|other|important|small)\s+)*(?:things|questions|points)\s+(?:i\s+(?:want|need|have)\s+)?"
    r"to\s+(?:ask|know|clarify)(?:\s+(?:from\s+)?you)?(?:\s+before\s+(?:i|we)\s+(?:proceed|answer|start|go\s+(?:on|ahead)|suggest|advise)\b[^.!?:;\n]{0,40})?|"
    r"(?:please|kindly|do)\s+(?:provide|answer|mention|tell|give|send|reply|clarify|share)\s+(?:(?:me|us|with|the)\s+)*following(?:\s+\w+){0,3}|"
    rf"{_WITHIN}{{0,60}}?i\s+need\s+(?:the\s+)?following\s+(?:\w+\s+)?{_DETAILS}(?:\s+first)?|"
    r"(?:i|we)\s+need\s+to\s+know\s+more(?:\s+about\s+\w+)?\s+(?:so\s+(?:that\s+)?(?:i|we)\s+can|to)\s+(?:help|give|answer|guide|reach|make)\b"
    rf"{_WITHIN}{{0,60}}|(?:or\s+)?(?:post|write|reply)\s+back\s+here\b{_WITHIN}{{0,60}}|"
    rf"feel\s+free\s+to\s+(?:mention|correct|add|tell|share)\s+any\b{_WITHIN}{{2,60}}\b(?:me|us|my|our|we|i)\b{_WITHIN}{{0,120}}|"
    rf"i\s+feel\s+you\s+should\s+have\s+(?:discussed|mentioned|asked|described)\b{_WITHIN}{{0,60}}\bso\s+that\s+i\b{_WITHIN}{{0,70}}"
)
_PROMISED = (
    rf"(?:(?:only\s+)?(?:then|after\s+(?:that|this)|once\s+(?:done|ruled\s+out))[\s,]+(?:only\s+)?)?{_CAN}\s+(?:(?:help|assist|guide|answer|"
    rf"comment|discuss)\s+{_ME}|(?:suggest|advise)\s+(?:(?:you|u)\s+(?:better|further|more|accordingly)|(?:better|further|more|accordingly)"
    rf"(?=\W*$|\s+(?:if|once|when|after|on\s+(?:it|this)|about\s+(?:it|this))\b))\b)(?!\s+to\s+(?:an?|the)\b){_WITHIN}{{0,70}}|"
    r"(?:i|we)\s+(?:will|shall|would)\s+be\s+(?:always\s+)?(?:ready|available|here|there)\s+(?:to|for)\s+(?:any\s+|further\s+)*(?:help|assist|answer|guide)\b[^.!?\n]{0,30}|"
    rf"if\s+{_WITHIN}{{2,70}}?,?\s+(?:then\s+)?(?:i|we)\s+(?:can|will|shall|could)\s+(?:discuss|talk|think|plan|see|decide)\s+(?:about\s+it\s+)?(?:further|"
    r"accordingly|then|later)(?:\s+\w+)?|"
    r"once\s+(?:(?:the|these|your|all)\s+)*(?:tests?|reports?|results?|investigations?)\s+(?:are|is)\s+(?:done|available|ready|in|here|out)[,\s]+"
    rf"(?:then\s+)?(?:i|we)\s+(?:can|will|shall|could)\s+(?:then\s+)?(?:discuss|decide|plan|guide|talk|think|see)\b{_WITHIN}{{0,70}}|"
    rf"once\s+(?:i|we)\s+(?:have|get|receive|know|see)\s+(?:(?:all|these|those|this|that|the|your)\s+)+(?:[\w-]+\s+){{0,3}}?(?:{_SCAN}|{_DETAILS}|answers?)[,\s]+"
    rf"{_CAN}\s+(?:(?:\w+ly)\s+)?(?:{_COMMENT}|correlate|plan|proceed)\b{_WITHIN}{{0,70}}|"
    r"(?:i|we)\s+(?:will|shall|would)\s+(?:try\s+(?:my\s+best\s+)?to\s+)?sort\s+(?:it|this|that)\s+out(?:\s+for\s+you)?|"
    r"if\s+anything\s+(?:else\s+)?(?:happens|comes\s+up),?\s+(?:i\s+am|we\s+are)\s+(?:always\s+)?(?:here|there)\b[^.!?\n]{0,30}|"
    rf"{_CAN}\s+(?:narrow|give|suggest)\b{_WITHIN}{{0,50}}?\b(?:with|by|after|once|from)\s+(?:the\s+help\s+of\s+)?{_MANY}{_DETAILS}\b{_WITHIN}{{0,40}}|"
    r"(?:i|we)\s+(?:will|shall|would|['’]ll)\s+(?:help|explain|tell|guide|answer|describe|clear|clarify)\s+(?:(?:to|you|it|this|all|your|everything|every|"
    r"each|of|these|the|doubts?|with|in|details?|things?|one|by|step|questions?|queries|query|what|can|be|done|now|briefly|simple|words|therapy|part|"
    r"some|and|u|try|which|should|yield|good|best|results?)\b\s*,?\s*)+|"
    rf"(?:although\s+)?we\s+can\s+(?:(?:together|also)\s+)*(?:communicate|talk|try\s+reaching|discuss)\b(?!\s+(?:the|this|it|that)\s+with\b){_WITHIN}{{0,110}}|"
    rf"(?:your|these|the)\s+(?:inputs?|answers?|details|clarifications?)\s+will\s+(?:\w+\s+){{0,2}}(?:help|enable|allow)\s+(?:me|us|to|in)\b{_WITHIN}{{0,70}}|"
    r"i\s+(?:would\s+)?(?:suggest|recommend|propose|advise)\s+(?:an?\s+)?(?:more\s+)?(?:detailed|further|another|proper)\s+(?:online\s+)?(?:discussion|chat|"
    rf"talk)\b(?!{_WITHIN}*\bwith\s+(?!me\b|us\b|you\b)){_WITHIN}{{0,70}}"
)
_REST = (
    # What the advice rests on.
    r"this\s+(?:professional\s+)?(?:advi[sc]e|opinion|consultation|answer|reply|suggestion)s?\s+(?:(?:provided|given)\s+)?(?:by\s+me\s+)?(?:stands?|is|are)"
    rf"\s+(?:subject\s+to|based\s+(?:entirely|only|solely|purely|just)\s+on)\b(?:(?!\b(?:so|but|which)\b){_WITHIN}){{0,160}}|"
    r"this\s+is\s+(?:only|just|merely)\s+an?\s+(?:second\s+opinion|online|virtual|information\w*|discussion)\s+(?:platform|forum|site|portal|service)|"
    r"(?:share|discuss|show|confirm|verify)\s+(?:my|this|these)\s+(?:opinions?|answers?|advi[sc]e|reply|suggestions?)\s+(?:with|to)\s+(?:your|a|the)\s+"
    rf"{_WITHIN}{{3,50}}?\s+before\s+(?:you\s+)?(?:act|follow|implement|start|tak|do)\w*{_WITHIN}{{0,30}}|"
    r"(?:so\s+)?i\s+(?:guess|think|hope|believe)\s+my\s+(?:answer|reply|advice)\s+(?:can|may|will|is|has|might)\s+(?:(?:be|been|partially|partly|fully)\s+)*"
    rf"(?:answer|help|clear|solv)\w*{_WITHIN}{{0,50}}|"
    r"(?:my\s+(?:opinion|view|advi[cs]e|answer|comments?|diagnosis|assessment|suggestions?)|i)\s+(?:would|will|could|can|may)\s+(?:change|differ|improve|be\s+(?:(?:much|far|a|bit|little)\s+)*"
    r"(?:firmer|better|clearer|stronger|surer|more\s+\w+))\s+(?:after|once|if|with|on|when|upon)\s+(?:(?:i|we)\s+(?:can\s+)?(?:see|view|review|read|have)|"
    rf"viewing|seeing|reading|reviewing|looking\s+at|having)\b{_WITHIN}{{0,80}}|"
    rf"i\s+(?:have\s+)?(?:given|tried|answered)\s+{_WITHIN}{{0,50}}\bconsidering\s+(?:the\s+)?{_DETAILS}(?:\s+(?:provided|given|available))?(?:\s+by\s+you)?|"
    rf"(?:the\s+)?results?\s+of\s+the\s+tests?\s+(?:could|can|may|will|would)\s+(?:further\s+)?(?:enhance|improve)\s+my\s+answer{_WITHIN}{{0,30}}|"
    r"(?:i\s+)?hope\s+(?:that\s+)?(?:you|u)\s+(?:(?:have\s+)?understood|get|got|understand)\s+(?:my|the|this)\s+(?:point|explanation|answer|view|concept)|"
    r"(?:it|this)\s+(?:should|must|needs\s+to)\s+be\s+(?:clinically\s+)?correlated\s+with\s+(?:the\s+)?clinical\s+(?:findings|examination|features)|"
    # The question was read.
    r"it\s+is\s+(?:(?:an?|really|very)\s+)*(?:short|brief|incomplete)\s+(?:description|history)(?:\s+of\s+(?:your|the)\s+\w+)?|"
    r"(?:after\s+[^.!?\n,]{3,60},?\s+)?i\s+(?:want|would\s+like|wish)\s+to\s+(?:address|answer|clear|clarify|explain)\s+(?:some|few|a\s+few|certain|your|"
    r"all)\s+(?:points?|queries|questions|doubts|concerns|things)(?:\s+(?:for|to)\s+you)?|"
    r"(?:i\s+)?(?:(?:really|do|can|truly)\s+)*(?:appreciate|understand)\s+(?:your|ur)\s+(?:concerns?|worry|worries|situation|anxiety|interest|efforts?)|"
    r"(?:at\s+first,?\s+)?i\s+(?:first\s+)?(?:(?:wish|want|would\s+like)\s+to\s+)?(?:really\s+)?appreciate\s+(?:you\s+(?:because|for)|(?:the|your)\s+"
    rf"(?:love|care|dedication|awareness|efforts?|patience))\b(?!{_WITHIN}*(?:\bbut\b|,\s+(?:as|since|because)\b)){_WITHIN}{{0,140}}|"
    r"i\s+(?:have\s+)?(?:gone|went|read)\s+(?:through\s+)?your\s+\w+\s+(?:\w+ly\s+)?and\s+(?:i\s+)?(?:(?:can|do|really)\s+)*understand\s+your\s+(?:\w+\s+){0,3}"
    r"(?:concerns?|worry|worries|situation|problem)|"
    r"i\s+(?:will|would|shall|can)\s+(?:like\s+to\s+)?give\s+(?:you\s+)?(?:my|some)\s+(?:\w+\s+)?(?:advice|opinion|suggestions?)|"
    r"(?:brief|short|detailed|quick|full)\s+(?:answer|reply|explanation)|"
    # The rest of a form that the platform filled in.
    r"(?:with|after)\s+(?:the\s+)?(?:detailed|complete|proper)\s+(?:medical\s+)?history|as\s+per\s+(?:your\s+)?(?:requirements?|needs?)|"
    r"once\s+(?:the\s+)?detailed\s+history\s+(?:is\s+)?available(?:\s+and\s+reports\s+done)?|until\s+i\s+see\s+the\s+(?:\w+\s+)?results|"
    r"as\s+(?:described|mentioned|explained)\s+above|i\s+(?:would\s+)?(?:suggest|advise|recommend)|regarding|"
    # Wishes, and thanks of somebody who asked.
    r"have\s+an?\s+(?:bright|great|healthy|happy|wonderful|good)\s+(?:future|life|health)(?:\s+ahead)?|"
    r"(?:sending|lots\s+of|with|all\s+my)\s+(?:\w+\s+)?(?:love|peace|hugs|prayers|blessings)(?:\s+and\s+\w+)?(?:\s+(?:to|for)\s+(?:you|u|all))?|"
    r"i\s+(?:hope|wish)\s+(?:that\s+)?(?:these|this|those|my)\s+(?:ideas?|tips?|points?|suggestions?|words?|advi[sc]e|answers?)\s+(?:(?:will|would|can|may)"
    r"\s+)?helps?(?:\s+(?:you|u))?|"
    rf"(?:i\s+)?hope\s+(?:(?:this|my)\s+(?:reply|answer|information|advice)\s+(?:(?:would|will|may|can)\s+)?help\w*\s+you|i\s+(?:have\s+)?helped)\b{_WITHIN}{{0,80}}|"
    r"help\s+is\s+(?:only|just)\s+an?\s+\w+\s+away|"
    r"i\s+can(?:no|['’])t\s+thank\s+(?:you|u)\s+enough|grazie(?:\s+mille)?|"
    r"(?:i\s+hope\s+)?(?:feel|get)\s+(?:better|well)\s+soon(?:\s+(?:dear|sorry\s+for\s+this))?|"
    r"/?ask-a-doctor\S*"
)


def _signs(words: str, shared: str) -> Signs:
    return Signs(*words.split("|"), shared=tuple(shared.split("|")))


_SHOWN_SIGNS = _signs(
    "photo|pictur|see your |pic |pics|image|snap|film|slide|attach|upload|report|result|scan|x-ray|xray|x ray|detail|"
    "info|inputs|clarif|history|mention|post|share|send|provide|tell me|ecg",
    shared="pic|ray|ide|po|il",
)
_ASKED_SIGNS = _signs(
    "know more|back here|feel free|please|pls|plz|kindly|question|following|so i |so we |so that i |so that we |few ",
    shared="so |pl|w ",
)
_PROMISED_SIGNS = _signs(
    "once i |once we |help|sort |decide|guide|assist|answer|comment|discuss|explain|suggest|narrow|always|communicate|"
    "together",
    shared="once |omm|ide|ss|ge",
)
_REST_SIGNS = _signs(
    "advice|suggest|regarding|history|as per|lab results|above|reply|explanation|away|correlated|opinion|"
    "answer|consult|considering|my view|certain| point|concern|query|question|description|future|love|wish|thank|soon|grazie|"
    "ask-a|hope|appreciate|understand",
    shared="on|ove|ate|ry|su|pe",
)


def _whole(words: str) -> re.Pattern[str]:
    return pattern(rf"[^\w/]*{_FILLER}{_ABOUT}(?:{words})[\s.!?…-]*$")


ANY, SHOWN = 99, -1
FAMILIES = (
    (_SHOWN_SIGNS, ((_whole(_SHOWN), SHOWN),)),
    (_ASKED_SIGNS, ((_whole(_ASKED), ANY), (_whole(_ASKED_OF), 0))),
    (_PROMISED_SIGNS, ((_whole(_PROMISED), 2),)),
)
"""The signs of each family, in small letters; its sentences; and how many words of one no list holds, if it says nothing else.
Of what is to be shown any, if it is shown to the writer."""
_TO_WRITER = pattern(
    rf"\b(?:i|we|me|us|my|our|here)\b|\b(?:{_SENDS}|{_SENT}|take)\s{_WITHIN}{{0,60}}?\b(?:{_PICTURE}|{_SCAN}|reports?)\b"
)
"""Something is to be shown to the writer, whatever that is."""
_TO_READER = pattern(rf"\b(?:you|your|u|please|kindly|with\s?out|to\s+{_COMMENT})\b")
_SHOWS = pattern(rf"\b(?:{_PICTURE}|{_SCAN}|{_DETAILS}|histor(?:y|ies))\b(?!{_WITHIN}*\sfrom\s+an?\s)")
_MAY_ASK = pattern(
    r"^\W*(?:(?:and|but|so|also|please|if\s+possible,?)\s+)*(?:can|could|would|will|is\s+it\s+possible|should|may\s+i)\s"
)
"""A question that only asks for something to look at."""
_LISTS = pattern(r"\b(?:following|below)\b")
_VERBS = REQUEST_WORDS | frozenset(
    "send upload attach post share provide show check checked viewed explain discuss decide plan".split()
)
"""Behind "and" in a request these are no advice."""
_KNOWN = _VERBS | frozenset(
    """without with difficult hard impossible unless seeing viewing knowing having making sharp enough unclear precise
    photograph necessary uploading sending attaching say elaborate basically meantime anyhow ready surely right sort everything
    ruled possibilities together although communicate differential platform managed think decide inputs address
    properly""".split()
)
_CLOSED = _whole(_REST)
INSIDE = (
    "photo|picture|image|snapshot|your report|send |more information|some information|more details|few details|"
    "need to see|need to take|need to send|set of questions|please say|please tell|please report|please inform|"
    "please provide|please elaborate|please explain|kindly provide|provided by me|this is only|so i can|"
    "so that i |discuss further|your inputs|if you can|in detail|review |my answer|ready to|if you mentioned|"
    "if you had|if you could|my point|communicate |short description|your concern|i shall |would have been|"
    "once the tests|once the reports|once your |be correlated|post back|lab results|detailed answer|short answer|"
    "want to see your|once i |things to ask|"
    "brief answer|i have given|i have seen|i would like|i want to|i will |i need |i can |i cannot |can i see|"
    "feel free to |i appreciate |sort it|my opinion would |my opinion will "
).split("|")
"""In the middle of an answer one of these is there."""
BEGINS = frozenset(
    """and but so also then now however anyhow anyway anyways hence thus otherwise meanwhile please pls plz kindly
    therefore moreover lastly finally again firstly unfortunately really actually basically further though still
    dear regarding coming i we without with difficult hard not impossible if photo photos picture pictures image
    images your more few additional clear clinical good need is u can could would will try better send upload attach
    post share provide furnish before should previous old recent got seen viewed received checked gone reviewed read
    inform explain reply tell until may help brief short detailed quick full my at describe mention give list answer
    elaborate clarify specify state write respond revert ask once only after although have sending lots hope grazie
    feel appreciate understand i've i'd i'll i'm we'll details information discuss show confirm verify result
    results ask-a as""".split()
)
_BEGINS_OTHERWISE = pattern(
    r"\W*(?:(?:it\s+(?:is|would|will|could|might|should)|it['’]s|its\s+(?:hard|difficult|not)|you\s+(?:have|are|can|may|could|will|need|should|must)|"
    r"this\s+(?:is|professional|advi|opinion|consultation|answer|reply)|in\s+(?:case|order|the\s+meantime)|there\s+(?:is|are)\s+no|"
    r"these\s+(?:inputs|answers|details)|get\s+(?:well|better)|first\s+of\s+all|do\s+(?:provide|send|share|post|answer)|as\s+such)\b|"
    rf"(?:the|an?|any|some|all)\s+(?:[\w-]+\s+){{0,3}}(?:{_PICTURE}|{_DETAILS}|results?|answers?|record)\b)"
)
"""First words of remarks, and more words where many sentences begin with the first."""
_OTHERWISE = frozenset("it its you this in there these get first do as the an a any some all".split())
"""First words of the latter: the pattern takes three times as long."""


_NAMES = pattern(
    r"\W*(?:(?:and|but|so|also)\s+)?(?:regarding|as\s+for|coming\s+to)\s+(?!(?:this|that|it|your\s+quer\w+)\b)[^,.!?:\n]{2,40},\s"
)
_OF_IT = pattern(r"\W*(?:it|they|this|these|those|its)\s")


def is_remark(sentence: str) -> bool:
    """Whether a sentence speaks of the consultation and of nothing else."""
    word = signs.first_word(sentence)
    begins = word in BEGINS or (word in _OTHERWISE and bool(_BEGINS_OTHERWISE.match(sentence)))
    return begins and _is_remark(sentence) and not tails.asked_too(sentence)


@remembered
def _is_remark(sentence: str) -> bool:
    if len(sentence) > boilerplate.LONGEST or sentence.lstrip().startswith("#"):
        return False
    if sentence.rstrip().endswith("?") and not _MAY_ASK.match(sentence):
        return False  # it asks for something of its own
    lead, colon, behind = sentence.partition(": ")
    if colon:
        return all(is_remark(part) or asks_back(part) for part in (lead, behind))
    lowered = sentence.lower()
    families = (family for found, families in FAMILIES if found.found_in(lowered) for family in families)
    most = next((most for words, most in families if words.match(sentence)), None)
    if most is None:
        return _REST_SIGNS.found_in(lowered) and bool(_CLOSED.match(sentence))
    return not (
        _says_more(sentence, most)
        or signs.referral(sentence)
        or RULES_OUT.search(sentence)
        or OTHERS_TO_TELL.search(sentence)
        or TO_OTHERS.search(sentence)
        or closings.INSTRUCTION.search(sentence, 1)
        or any(verb not in _VERBS and others_in(verb) for verb in SECOND_VERB.findall(sentence))
    )


def _says_more(sentence: str, most: int) -> bool:
    """Whether a remark has too many words that no list holds, no word of what is looked at, or a reason."""
    if most == SHOWN and _TO_WRITER.search(sentence):
        most = ANY
    elif most == SHOWN:
        if not _SHOWS.search(sentence):
            return True
        most = 1 if _TO_READER.search(sentence) else 0
    return gives_reason(sentence) or sum(word not in _KNOWN for word in others_in(sentence)) > most


def is_remark_inside(sentence: str) -> bool:
    """The same in the middle of an answer, where what is announced may stand in the next sentences."""
    return is_remark(sentence.strip()) and not _LISTS.search(sentence)  # the first is remembered


_TELLS = r"(?:judge|tell|assess|inform|comment|decide|say|guide|know|confirm|evaluate|explain|conclude|interpret|see|determine)"
_CHANGES = r"(?:change|adjust|modify|prescribe|add|start|plan|taper|revise|alter|increase|reduce)"
_PURPOSE = pattern(
    r"\W*(?=(?:\w+\W+){0,4}?then\b)(?:(?:so|and|only|then)[\s,]+)*(?:i|we)(?:['’]ll|['’]d|\s+(?:can|could|will|would|may|shall|should|might))\s+"
    rf"(?:(?:then|also|be|able|to|better|only)\s+)*(?:{_CHANGES}\s+(?:the|your|its|any|further)(?:\s+[\w-]+){{1,3}}[.!\s]*$|{_TELLS})(?:\s+(?:and|or)\s+(?:then\s+)?{_TELLS})*(?:\s+(?:you|u|better|on\s+it))*"
    r"(?:\s+(?:whether|if|about|what|how|which|why|where)\b(?:(?!\b(?:but|because|since|as|so)\b)[^.,;:!?\n]){2,90})?[.!\s]*$"
)


def tells_purpose(sentence: str) -> bool:
    """Whether a sentence says what a request before it was for: "Then I can judge whether it is rust."."""
    return "then" in sentence[:40].lower() and bool(_PURPOSE.match(sentence)) and not signs.referral(sentence)


def is_asked_behind(sentence: str, behind: str) -> bool:
    """Whether a sentence is a request that the next one needs, a question without a noun of its own: "Kindly describe the
    repair. What exactly was removed?"; or names what the next one is about: "Regarding roots, I need a photo. It is"."""
    if content.is_shown_behind(sentence, behind) or (tails.asks_for_record(sentence) and _OF_IT.match(behind)):
        return True
    if not (is_about_it(behind) and may_ask(sentence)) and not (_NAMES.match(sentence) and _OF_IT.match(behind)):
        return False
    return asks_back(sentence.strip()) or is_remark(sentence.strip())
