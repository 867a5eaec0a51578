"""What the judge looks for: a literal table of expressions by class, and the words that several of them share."""

from __future__ import annotations

START, ANYWHERE, END = "start", "anywhere", "end"

WORDS = {
    "QUERY": r"(?:quer(?:y|ies)|questions?|concerns?|cases?|complaints?|problems?|posts?|messages?|e?-?mails?)",
    "TELL": (
        r"(?:ask|contact|write|consult|reply|revert|let me|get back|free|hesitate|happy|glad|follow|post|"
        r"discuss|call|back)"
    ),
    "ANSWER": (
        r"(?:answer|advice|advise|opinion|reply|response|suggestion|information|explanation|discussion|"
        r"guidance|comment)"
    ),
    "HELP": r"(?:help|assist|guide|advise|answer)",
    "NEXT": r"(?:You (?:should|can|may|need|must)|It is|Try (?:all|these)|Please|Kindly|Follow|Consult|Since)",
    "AFTER_LIST": (
        r"(?:Hope|Apart from|In the mean|Take care|Regarding|Given that|(?:Also|Besides|Otherwise|However|"
        r"Moreover|Well|Revert),)"
    ),
    "HOLLOW": (
        r"(?:This|These|It is|It will|You (?:can|may|should|need|will)|He|She|They|Hope|If|Also|Avoid|"
        r"Please|Do not)"
    ),
    "NOT_A_NAME": (
        r"(?!\w+ly\b|(?:After|Also|Although|Because|Before|Both|Cause|Dear|Doctor|Hello|Even|First|From|"
        r"Hence|Here|Hope|Instead|Like|Maybe|Mostly|Next|Okay|Once|Perhaps|Please|Plus|Right|Seems|Since|"
        r"Sometimes|Sorry|Sounds|Still|Sure|That|Then|There|Though|Thus|Till|Today|Unless|Until|Well|What|"
        r"When|Where|Which|While|Yeah|Said|Told|Otherwise|However|Regarding|Besides)\b)"
    ),
    "LOST_WORDS": r"(?:syn|carbohy|hy|dehy|rehy|costochon|hypochon|mitochon|chon|zole|chil|hun|cylin)",
}
"""Stand in an expression as %QUERY%."""

PATTERNS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "greeting",
        START,
        (
            r"^\W*(?:hi+|hey+|hell?[eo]+w?|hallo\w*|hel[il]o|hai|hie|hola|namaste|sala+m|assalam\w*|hay(?=[,.!])|"
            r"greetings?|dear(?:est)?(?! to\b)|respected|welcome|hiya|good (?:morning|evening|afternoon|day))\b(?![-/])",
            r"^\W*(?-i:H[iI]|Hey|Dear|Hello|HELLO)(?-i:(?=[A-Z][a-z]))|^\W*hello(?=\w)",
            r"^\W*hi(?=this|there|your?\b|thank|dear|welcome)",
        ),
    ),
    (
        "greeting",
        ANYWHERE,
        (
            r"(?:^|[.!?…\n] ?)(?:hi|hello|hey)(?: (?:there|dear|doctor|friend))?[.,!…]",
            r"\bhow (?:are|r) (?:you|u)(?: doing)?(?: today)?\s*[?.!]",
        ),
    ),
    (
        "misspelt",
        START,
        (
            r"\bdairy (?:have|i)\b|\bdegree understand|\brearward\b|\bhowell come\b|\bheadfirst of all\b",
            r"^hellenist\b",
            r"^\W*(?:hi[smtdpe]|high|hits) (?:i|don't|do|am|have|thanks?|hanks|welcome|understand|there)\b",
        ),
    ),
    (
        "misspelt",
        ANYWHERE,
        (
            r"\b(?:t )?hanks for\b|\bthan(?:x|ks?u)\b|\bthnx\b|\bth(?:n?ks?|aks|naks|ankz|anq)\b|\btahnks?\b",
            r"\btanks (?:for|a lot)\b|\btanks\W*$|[a-z](?:thank(?:s|you| you)|regards|goodluck|takecare)\b",
            r"\bthankyou|\bgoodluck|\btakecare",
        ),
    ),
    (
        "thanks",
        ANYWHERE,
        (r"\bthank(?:s|ing| ?you|ful to you| u)?\b(?! to\b| god\b| goodness)",),
    ),
    (
        "opening",
        START,
        (
            r"\bwell? ?come (?:to|back|at|here)\b|\bpleasure to\b",
            r"\b(?:query|question|problem) (?:has been|is|was) (?:noted|received|read|understood)\b|\bwarm welcome",
            r"\b(?:gone|went|go|going|read|reading|looked|studied|reviewed|understood|evaluated|noted|got|saw|"
            r"seen)\b(?: \w+)?(?: (?:through|over|at|about))?(?: \w+)? (?:your|ur|the|"
            r"all your)(?: \w+)? %QUERY%\b(?! area)",
            r"\b(?:understand|appreciate|feel|know|get|understanding|acknowledge|realise|realize) (?:with |about |"
            r"all )?(?:your|ur)(?: \w+)? ?(?:concerns?|quer(?:y|ies)|questions?|situation|problems?|anxiety|"
            r"worr(?:y|ies)|feelings?|frustration)\b",
            r"\b(?:gone|went|go|going) through (?:your|the|all)(?: \w+){0,2} (?:details|history|"
            r"description)\s*[.,]",
            r"(?:^|[.!?,…] ?|and )(?:i am|i'm|this is|myself) (?:dr|doctor|your doctor|an? expert)\b",
            r"\b(?:i|we) (?:will|shall|would|'ll)(?: \w+){0,4} answer (?:you|your)",
            r"^\W*(?:and )?for (?:asking|posting|writing|contacting|consulting|choosing|using|sharing|(?:the|"
            r"your) (?:detailed )?(?:query|question|concern|post|trust|message|patience))",
            r"^\W*with your (?:health|query|question|concern)|^\W*(?:to|at|for|in|on) (?:our|the|this) forum",
            r"\b(?:good|great|excellent|nice|interesting|valid|genuine) (?:question|query)\b",
            r"^\W*(?:and )?(?:an? )?(?:very |quite |well )?(?:elucidat\w+|detailed|neat|specific|"
            r"elaborate)[\w ]{0,24}[.!]",
            r"\bsorry to (?:hear|know|learn|read) (?:about |of )?(?:your|ur)(?: \w+)? (?:problems?|condition|"
            r"troubles?|issues?)\b",
            r"\bsorry to (?:hear|know) about the \w+|\bi will give you my\b",
            r"^\W*(?:the|your) (?:query|question)[,.]",
            r"\b(?:your|the|this) (?:query|question|concern) is (?:very |quite )?(?:genuine|valid|good|common|"
            r"interesting)\b",
            r"\bappreciate (?:you|your|ur)\b",
            r"^\W*(?:i am|i'm) (?:an? |the )?(?:\w+ ){0,2}(?:doctor|physician|surgeon|specialist|\w+ologist|"
            r"psychiatrist|dentist)\b",
            r"\byour (?:concern|worry|anxiety) is (?:understandable|noted|valid|natural|genuine)\b",
            r"\blet me (?:try to )?(?:answer|address|help) (?:you|your)\b",
            r"\b(?:nice|good|glad|happy) to (?:see|meet|hear from) you",
            r"\b(?:in response|in reply|with reference|in answer) to your (?:query|question|concern)\b",
            r"\bhere (?:is|are) my (?:advi[cs]e|suggestions?|opinion|recommendations?|comments?|answers?)\b",
            r"\bmy (?:opinion|advi[cs]e) is as follows?\b|\bfind my (?:observations|answers?|comments?|advi[cs]e|opinion)\b",
        ),
    ),
    (
        "opening",
        ANYWHERE,
        (
            r"\b(?:i|we|i'm|we're|i'll|we'll)(?: \w+){0,3} (?:here|happy|glad|pleased|delighted|there|"
            r"available) (?:to|for) \w+",
            r"\b(?:i|we)(?: \w+){1,4} (?:help|assist|guide) (?:you|u)(?: out)?(?: with (?:your|this|"
            r"the) \w+)?\s*[.,!;]",
            r"(?:^|[.!?] ?)(?:brief|detailed|short) answer ?[.:-]|\bhope (?:you|u) (?:are|r) (?:doing|fine|well)",
            r"\b(?:sorry|apolog\w+) for (?:the |my |a )?(?:delay|late|inconvenience)",
        ),
    ),
    (
        "closing",
        ANYWHERE,
        (
            r"\bhop(?:e|es|ed|ing|efully),? (?:that )?(?:i|we|it|this|that|these|those|above|the (?:above|"
            r"\w+ ?%ANSWER%|%ANSWER%)|(?:my|our|your|all)(?: \w+)?)\b[^.!?]{0,50}?(?:help|answer|clarif|useful|"
            r"quer|question|inform|solv|satisf|clear|suffic|assist|guid|benefi|understood|doubt|point|"
            r"resolv|address|reassur|enough)",
            r"\bhop(?:e|ing) (?:you|u)\b[^.!?]{0,40}?(?:satisf|useful|helpful|find|clear|happy|understood)",
            r"\bhop(?:e|ing) (?:you|u|for|he|she|your \w+|they|things|everything|all)(?: \w+){0,4} "
            r"(?:better|soon|recover\w*|best|health|point)\b",
            r"\bwish(?:ing|es)? (?:you|u|him|her|them|your|ur|for your|to you|for you|all|good|best|speedy|long|"
            r"quick|early)\b(?! could| would| had| to\b)",
            r"\b(?:best|warm(?:est)?|good|kind|many|my) wishes\b|\bwishes (?:to|for) (?:you|your)",
            r"\bbest of (?:luck|health)|(?<!a )(?<!for )(?<!your )\bspeedy recovery\b|get well soon",
            r"\bfeel better soon\W*(?:$|sorry)|good luck\b|\ball the (?:very )?best\b",
            r"\b(?:have|enjoy|live|lead)(?: \w+)? (?:nice|great|happy|wonderful|pleasant|blessed|lovely|long|"
            r"good)(?: \w+){0,2} (?:day|life|weekend|evening|night|time ahead)\b|[.!?,] ?good day\b|[.!?] ?best\W*$",
            r"\bpray(?:s|ing)? for (?:you|your|his|her)\b|\binsha ?allah\b|\bgod willing\b|\bdisclaimer\b",
            r"\bgod bless|\bmay (?:god|allah|the lord|the almighty|almighty|you (?:get|live|have|be|recover))\b",
            r"\b(?:i|we|will) pray\b|\bpraying for\b",
            r"(?<!to )(?<!can )(?<!must )\btake (?:good )?care(?: of (?:yourself|your ?self|your health|"
            r"urself))?(?: (?:bye|dear|and|then))?\s*(?:[.!,…]|$)",
            r"(?:^|[.!?,…] ?)(?:stay|keep|be) (?:safe|healthy|blessed|happy|well|smiling|"
            r"in touch)(?: and \w+(?: \w+)?)?\s*(?:[.!…]|$)",
            r"\badvi[cs]e provided by me\b|\bbest advi[cs]e for you\b",
            r"\b(?:this|my) (?:answer|advi[cs]e) is (?:not|based)\b",
            r"\b(?:opinion|advice|answer|reply)\b[^.!?]{0,30} not (?:a |to )?(?:substitute|replace)",
        ),
    ),
    (
        "closing",
        END,
        (
            r"(?<!with )(?<!as )(?<!in )\bregards\b(?! to\b| the\b| this\b| your\b| as\b| it\b)",
            r"\b(?:sincerely|cheers)\W*$|\bhelp is only\b|\bbye\W*$|\bamen\W*$|\bprayers?\b",
            r"[.!?] ?(?:tc|namaste|tk care)\W*$|\bhave an? (?:long|healthy|happy)[\w ]{0,20} life\b",
            r"\bwelcome any ?time",
        ),
    ),
    (
        "request",
        ANYWHERE,
        (
            r"\b(?:please|kindly|pls|plz) (?:rate|vote|mark|accept|click)\b|\bmark it as (?:helpful|useful|solved|best)\b",
            r"\bif (?:the|my|this) answer (?:is|was|has) (?:useful|helpful|good|help)",
            r"\b(?:visit|contact|come|call|report)(?: \w+){0,4} (?:my|our) (?:clinic|hospital|office|chamber)\b",
            r"\bhear from you\b|\bpost again\b|\bat your (?:disposal|service)\b",
            r"\b(?:rate|vote|upvote|accept|mark|like|close|review) (?:for )?(?:this|the|my|our) (?:answer|"
            r"discussion|query|question|thread|reply|response|service)",
            r"\b(?:give|leave|provide|write|share)(?: (?:me|us|a|an|some|your|kind|positive|valuable|good|"
            r"any))* (?:feed ?back|ratings?|stars|review)\b(?! of)",
            r"\b(?:your|kind|valuable|positive) (?:feed ?back|rating)\b|\b(?:five|5)[- ]stars?\b|\bthumbs? up\b",
            r"\bwrite (?:me |us )?back\b|\b(?:write|writing) to (?:me|us)\b",
            r"\b(?:get|come|report) back (?:to (?:me|us)|with|if|in case|for any)\b",
            r"\brevert (?:me|us|back|with|for|in case|if|to (?:me|us|an?))\b(?! to normal)(?! into)",
            r"\b(?:do|please|kindly|pls|plz) (?:reply|revert|respond|get back|feel free)\b",
            r"\b(?:a?waiting|wait|await) (?:for )?(?:(?:your|ur|you|the) )?(?:reply|response|answer|feedback)",
            r"\bfeel free\b|\bhesitate (?:to|in)\b|\bhit (?:the )?(?:thank|like)|\bask (?:me )?a? ?follow[- ]?up\b",
            r"\bin case of any (?:further )?(?:doubts?|quer(?:y|ies)|questions?|clarifications?|assistance)\b",
            r"[.!?] ?any (?:more |other |further )?(?:doubts?|questions?|quer(?:y|ies))\W*$",
            r"\b(?:ask|contact|consult|call|message|mail|email|text|ping|inbox|whatsapp|inform|chat with|reach|"
            r"discuss with|follow(?:ing)? up with|in touch with) (?:me|us|again)\b",
            r"\blet (?:me|us) know(?: \w+){0,3}? ?(?:if|in case|incase|whether|about|for|results?|outcome|[.!…]|"
            r"it…|$)",
            r"\bkeep (?:me|us) (?:posted|updated|informed)|\bappreciated\W*$",
            r"\b(?:any|more|further|other|additional|some)(?: \w+)? (?:doubts?|quer(?:y|ies)|questions?|"
            r"clarifications?|concerns?)\b[^.!?]{0,50}\b%TELL%\b",
            r"\b%TELL%\b[^.!?]{0,60}\b(?:any|further|other|additional)(?: \w+)? (?:doubts?|quer(?:y|ies)|"
            r"clarifications?)\b",
            r"\bfurther (?:doubts?|quer(?:y|ies)|clarifications?|questions?)\b",
            r"\b(?:quer(?:y|ies)|clarifications?) (?:are )?welcome",
            r"\b(?:if|incase|case) (?:you|u) (?:need|require|want)(?: any| some| further| more| other)+ (?:help|"
            r"assistance|guidance|clarifications?|information)\b",
            r"\bfor any (?:further )?(?:help|assistance)\b",
            r"\bso (?:that |as )?(?:i|we) (?:can|could|may|will|shall)(?: \w+){0,3} %HELP% (?:you|u|ur)\b",
            r"\bto %HELP% (?:you|u) (?:better|further|more|in (?:a )?better way)\s*(?:[.!]|$)",
            r"\b(?:i|we)(?: \w+){0,3} (?:help|assist|guide|advise) (?:you|u) (?:better|further|more)\b",
            r"\bhelped (?:you|u) (?:better|more)\b",
            r"\bfollow[- ]?up (?:if (?:you|u) (?:have|need)|in case of (?:any|doubt)|with me|queries|questions)\b",
            r"\b(?:your|the|my) next query\b|\bon (?:this|our) (?:web ?site|site|forum|portal|platform|app)\b",
            r"\bbook(?:ing)? an? (?:\w+ )?(?:session|appointment|consultation|call) (?:with (?:me|us)|"
            r"for an? online|online)",
            r"\bonline consultation\b|\bclick (?:on|here|the|this)\b",
        ),
    ),
    (
        "name",
        START,
        (
            r"^(?-i:%NOT_A_NAME%[A-Z][a-z]{3,11}),? (?:you (?:have|are|should|need|seem|may)|i (?:think|am|would|"
            r"suggest))\b",
            r"^\W*dr\b\.? ?\w+|^(?-i:[A-Z][a-z]{2,8}) ?(?:…|\.\.\.)",
        ),
    ),
    (
        "name",
        ANYWHERE,
        (
            r"\b(?:sir|madam|mam|ma ?' ?am|ma am)\b(?=\s*[,.!?…]|$| just| i\b| your?\b| please)",
            r"^\W*(?:sir|madam|ma'?am)\b|^\W*\w+ (?:madam|sir)\b|\b(?-i:Mr|Mrs|Ms)\.? (?-i:[A-Z])\w+",
            r"\b(?:agree with|as|by|like) dr\.? \w+",
            r"\bdear (?:friend|patient|user|client|customer|member|sister|brother)\b|,? dear\s*[.,!…]",
        ),
    ),
    (
        "name",
        END,
        (r"\bdr(?:\.|\s) ?(?-i:[A-Z])[A-Za-z.]*(?:,? [A-Za-z.]+){0,4}\W*$|[.!?] ?dr\b\.? ?\w+(?: \w+){0,2}\W*$",),
    ),
    (
        "letterhead",
        START,
        (
            r"^\W*(?:the )?(?:department|dept\.?|division|faculty|office) of \w+",
            r"^[^.!?]{0,60}\b(?-i:Clinic|Hospital|Medical College)\s*[,.:|-]",
        ),
    ),
    (
        "letterhead",
        ANYWHERE,
        (r"\b(?-i:M\.?B\.?B\.?S|B\.D\.S|M\.D\.S|DNB|F\.?R\.?C\.?S|BHMS|BAMS)\b",),
    ),
    (
        "letterhead",
        END,
        (r"[.!?] ?(?:consultant|senior|chief|resident|department of|dept|clinic)\b[\w ,]{0,60}\W*$",),
    ),
    (
        "brand",
        START,
        (r"^\W*(?:\.?com|forum|team|health forum)\b|\bthis forum\b",),
    ),
    (
        "brand",
        ANYWHERE,
        (
            r"\bchat ?doctor|\bhealth ?care ?magic|\bi?l?ic?liniq|\bquestion ?doctors?\b|\bilciniq",
            r"\b(?:welcome|quer(?:y|ies)|questions?|posting|contacting|consulting|asking|using|forum|team)(?: to|"
            r" at| on| in| with)? HCM\b",
        ),
    ),
    (
        "artefact",
        ANYWHERE,
        (
            r"\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\[nrt](?![a-z])|\w\\s\b|\d\\\d|[a-z]\\ ",
            r"&(?:amp|nbsp|lt|gt|quot|#\d+);|â€|Ã[\x80-\xbf©¨¶¼]|\ufffd",
            r"</?(?:br|p|div|span|a|b|i|li|ul|strong|em)\b[^>]*>",
        ),
    ),
    (
        "placeholder",
        ANYWHERE,
        (
            r"\battachments? removed|removed to protect|\[(?:name|your name|removed|redacted|image|email|phone)\b",
            r"<(?:name|url|image|email|phone)>|\*{4,}|\bx{4,}\b|_{5,}",
        ),
    ),
    (
        "link",
        ANYWHERE,
        (
            r"<link>|-{1,4}>|https?:|\bwww\.|\b[\w-]{3,}(?-i:\.(?:com|org|net|info|co\.\w\w))\b|\bbit\.ly",
            r"\bask-a-doctor",
            r"\b(?:use|visit|see|open|follow|check|through) (?:this|the|following)(?: \w+)? (?:url|link|website)\b",
            r"\b(?:consult|to|attach|contact|visit)(?: \w+)? (?:an?|the|your|"
            r"our)(?: [\w-]+){1,5} onl+ine\b(?! for)",
            r"\bonline\s*[.-]*$",
        ),
    ),
    (
        "wiki",
        ANYWHERE,
        (
            r"\btemplate:|\bcategory::?|\(utc\)|\{\{|\}\}|\[\[|\]\]|={3,}|'''|\bwikidoc\b|\[edit\]|\[citation|<ref",
            r"\bISBN\b|\bcontributors?:|\bfirst contributed by\b|\bimages? courtesy of\b|\beditor[- ]in[- ]chief\b",
            r"\bassociate editor|\bfor patient information\b|\bas an editor\b|\bclick here\b",
        ),
    ),
    (
        "stump",
        START,
        (
            r"^\s*[,.;:)\]}>!?]|^\W*[b-z] to |^(?:and|or|which)\b(?! then)|^of you\b",
            r"^(?:with this (?:treatment|medicine|medication|regimen)|this will (?:help|relieve|reduce|give|"
            r"control|improve))\b",
        ),
    ),
    (
        "stump",
        ANYWHERE,
        (
            r"\b%LOST_WORDS%\s*(?:[.,;)]|$)|\b(?:the|an|your|such as|and|including)\s*\.\s+(?-i:[A-Z])|\ban an\b",
            r"\b(?:to|the|an?|of|with|and|some|any|more|your|for|take|or) (?-i:%HOLLOW%)\b",
            r"\b(?:following|follows|reasons|causes|includes?|would be)(?: \w+)?\s*:\s*(?-i:%NEXT%)\b",
            r":\s+(?-i:%AFTER_LIST%)|[.!?]\s*\d{1,2}[.)]\s*$",
        ),
    ),
    (
        "stump",
        END,
        (
            r"(?:[:;,(/–]|\s-)\s*$",
            r"\b(?:the|an|and|or|your|my|include|includes|including|involves|such as|follows|following|which|"
            r"because|although)\s*[.…]?\s*$",
            r"\b(?:a|of|to|with|for|in|by|from|at|are|on|if|as|so|be|is)\s*$|(?<= )(?-i:[b-hj-z])\s*$",
        ),
    ),
)
"""Class, where to look, expressions of which one is enough. Case counts only within (?-i:...)."""
