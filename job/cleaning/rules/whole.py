"""Sentences that are boilerplate from the first word to the last, of mail programs, video channels and message boards: each is
matched as a whole, so that nothing else can go with it. Data for forum.py."""

from __future__ import annotations

from job.cleaning.rules import boilerplate, content
from job.cleaning.rules.boilerplate import pattern
from job.cleaning.rules.signs import Signs, first_word, referral

_PLEASE = r"(?:(?:please|kindly|pls|do|and|also|just|don['’]?t\s+forget\s+to|remember\s+to)\s+)*"
_IT_HELPED = (
    r"(?:\s+if\s+(?:it|this|that|you)\s+(?:has\s+|have\s+|are\s+|were\s+)?(?:help(?:s|ed|ful)|work(?:s|ed)|solve[sd]|like[sd]?|liked\s+it|satisfied|happy)"
    r"(?:\s+(?:you|it|this|your\s+(?:problem|issue|question)|for\s+you|with\s+(?:it|this|my\s+answer)))*)?"
)
_IF = r"(?:if\s+(?:you|this|it|my\s+answer)\s+[^,.!?\n]{3,40},?\s+(?=please|kindly|do\s|don|consider|leave|give|rate))?"
_STARS = r"(?:5|five)[\s-]*stars?"
_MINE = r"(?:me|us|it|this|(?:this|my|our|the)\s+(?:answer|reply|response|post|advice|service|help|solution))"
_DEVICE = (
    r"(?:my|i(?:phone|pad|pod|os)|android|samsung|galaxy|huawei|nokia|blackberry|windows|yahoo|outlook|gmail|tapatalk|mail|e-?mail|mobile|"
    r"smart\s?phone|cell|phone|tablet|device|app|for|on|using|via|plus|pro|max|mini|\d{1,2})"
)
_MISTAKES = (
    r"(?:(?:my|any|the)\s+)?(?:typos?|typing(?:\s+(?:errors?|mistakes?))?|spelling(?:\s+(?:errors?|mistakes?))?|brevity|(?:bad|poor|broken)\s+english|"
    r"english|grammar)"
)
_MESSAGE = r"(?:e-?mail|message|transmission|communication|and|any|its|attachments?|files?)"
_PATIENCE = (
    r"(?:i|we)\s+(?:\w+ly\s+)?(?:appreciate|thank\s+you\s+for)\s+(?:your|ur)\s+patience(?:\s+(?:while|in|when)\s+(?:you\s+(?:are|were)\s+)?"
    r"(?:waiting|awaiting)(?:\s+for)?(?:\s+(?:my|our|a|the)\s+(?:reply|response|answer))?)?"
)
_END = (
    rf"sent\s+(?:from|via|by|with)(?:\s+{_DEVICE})+(?:[\s,.;]+(?:please\s+|so\s+)*(?:excuse|forgive|pardon)\s+{_MISTAKES})?",
    r"get\s+outlook\s+for\s+(?:ios|android)",
    rf"{_PLEASE}(?:excuse|forgive|pardon|sorry\s+for|sorry\s+about)\s+{_MISTAKES}",
    rf"{_IF}{_PLEASE}(?:(?:rate|give|leave|award)\s+)(?:{_MINE}\s+)?(?:with\s+|an?\s+)*{_STARS}(?:\s+(?:rating|review))?{_IT_HELPED}",
    rf"(?:an?\s+)?{_STARS}\s+(?:rating|review)s?\s+(?:would|will)\s+be\s+(?:\w+ly\s+|much\s+)?appreciated",
    rf"(?:please|kindly|don['’]?t\s+forget\s+to|remember\s+to)\s+(?:rate|vote|up-?vote|review)(?:\s+{_MINE})?{_IT_HELPED}",
    rf"{_PLEASE}follow\s+(?:me|us|my\s+(?:page|blog|profile|channel))(?:\s+for\s+more(?:\s+\w+)?|\s+on\s+(?:instagram|twitter|facebook|youtube|tiktok|linkedin))?",
    rf"{_PLEASE}(?:like(?:,?\s+(?:share\s+)?(?:and|&)\s+|,\s+))?subscribe(?:\s+to\s+(?:my|our)\s+(?:channel|newsletter|blog))?",
    rf"{_PLEASE}like\s+(?:and|&)\s+share",
    rf"{_PLEASE}(?:mark|accept|select|up-?vote)\s+(?:this|it|my\s+(?:answer|reply)|this\s+answer)"
    rf"(?:\s+as\s+(?:the\s+)?(?:accepted|correct|best|right)(?:\s+(?:answer|solution))?)?{_IT_HELPED}",
    r"x(?:ox)+o?(?:,?\s+(?-i:[A-Z])\w+)?|x{2,3}|hugs(?:\s+and\s+kisses)?|lots\s+of\s+love|much\s+love",
    r"hth|ttyl|hope\s+th(?:is|at)\s+helps?(?:\s+(?:you|out))?|(?:many\s+)?th(?:an)?(?:ks|x)\s+in\s+advance(?:\s+for\s+your\s+(?:help|time|answers?))?",
    r"cheers,?\s+(?:mate|all|guys|everyone|folks)|happy\s+(?!ending)\w+ing",
    r"(?:just\s+)?my\s+(?:two|2)\s*(?:cents?|c)(?:\s+worth)?",
    r"(?:for|if\s+you\s+have|if\s+there\s+are|should\s+you\s+have)?\s*any\s+(?:more\s+|other\s+|further\s+)*(?:questions?|doubts?|quer(?:y|ies)|problems?),?\s+"
    r"(?:just\s+|please\s+)?(?:fire\s+away|shout|ask(?:\s+away)?|holler|hit\s+me\s+up|give\s+(?:me|us)\s+a\s+shout|drop\s+(?:me|us)\s+a\s+line)",
    r"(?:(?:feel\s+free\s+to|you\s+can|please|just)\s+)*(?:pm|dm|inbox)\s+(?:me|us)(?:\s+(?:if|for|with|any\s?time)\b[^.!?,\n]{0,40})?"
    r"(?:,?\s+(?:go+d|gud|best\s+of)\s*luck)?",
    r"edit(?:\s*\d)?\s*:\s*(?:wow,?\s+|oh\s+\w+,?\s+)?(?:thank(?:s|\s+you)|thx)\s+(?:\w+\s+){0,3}?for\s+(?:\w+\s+){0,4}?(?:gold|silver|platinum|awards?|"
    r"up-?votes?|likes)(?:,?\s+(?:kind|dear|generous|mysterious)\s+(?:strangers?|redditors?|people|sir))?",
    r"(?:many\s+)?th(?:an)?(?:ks|nx|x)\s+(?:n|&|and)\s+(?:(?:best|kind|warm)\s+)?regards",
    r"(?:that['’]?s|that\s+is|this\s+is)\s+(?:all|it)\s+(?:(?:for\s+now\s+)?from\s+(?:my|our)\s+(?:side|end)|from\s+(?:me|us)(?:\s+for\s+now)?)",
    r"(?:so,?\s+|and\s+)?(?:is\s+there\s+)?anything\s+else(?:\s+(?:you|u)\s+(?:need|want|would\s+like)(?:\s+to\s+(?:know|ask))?)?(?:\s+today)?",
    rf"this\s+(?:{_MESSAGE}\s+)+(?:is|are|may\s+be)\s+(?:strictly\s+)?(?:confidential|privileged)\s+and\s+(?:is\s+|are\s+)?(?:(?:only|solely)\s+)?"
    r"(?:intended|meant)\s+(?:(?:only|solely)\s+)?for\s+(?:the\s+)?(?:use\s+of\s+the\s+)?(?:intended\s+|named\s+)?(?:addressees?|recipients?)",
    r"we\s+(?:\w+ly\s+)?(?:appreciate|value|thank\s+you\s+for)\s+your\s+(?:business|feedback|patience|understanding|trust|loyalty|support|cooperation)(?:\s+and\s+\w+)?",
    r"have\s+an?\s+(?:great|nice|good|lovely|wonderful|pleasant)\s+rest\s+of\s+(?:your|the)\s+(?:day|week|weekend|evening|afternoon)",
)
_SEEN = (
    r"(?:scans?|reports?|images?|pictures?|photos?|x-?rays?|results?|files?|details?|symptoms?|information|answers?)"
)
_WISHED = (
    r"(?:nice|great|good|smooth|safe|pleasant|lovely|wonderful|happy|healthy|speedy|quick|fast|full|complete|uneventful|enjoyable|restful|relaxing|"
    r"blessed|fantastic|comfortable|joyful|peaceful|[a-z]+-free)"
)
_SAYS = (
    r"(?:(?!\b(?:but|however|is|are|was|were|can|could|should|must|will|would|may|might|means?|shows?|showed|because|since|so(?!\s+(?:soon|early|quickly|fast|well|far|much|promptly)\b)|then|please|"
    r"and\s+(?!for\b|your\b|the\b|\w+ing\b))\b)[^.!?,;:\n])"
)
"""No statement and no instruction."""
_WISHES = (
    rf"(?:many\s+)?(?:thanks|thank\s+you|thanx)(?:\s+(?:so|very)\s+much|\s+a\s+lot)?\s+for\s+(?:already\s+)?(?!nothing)[a-z]{{2,}}ing\b{_SAYS}{{0,80}}",
    rf"(?:(?:first(?:ly)?(?:\s+(?:off|of\s+all))?|before\s+anything(?:\s+else)?),?\s+)?(?:(?:many|hearty|my|warm)\s+)*congrat(?:ulation)?s\s+(?:on|for|to)\s{_SAYS}{{2,60}}",
    r"enjoy\s+(?:the|your)\s+(?:[a-z]+\s+)?(?:holidays?|trip|vacation|weekend|journey|honeymoon|flight|stay)",
    rf"(?:have|enjoy)\s+an?\s+(?:(?:very|and)\s+)*(?:{_WISHED}(?:\s*,\s*|\s+(?:and\s+)?))+(?:recovery|trip|journey|flight|holidays?|vacation|delivery|pregnancy|"
    r"weekend|stay|travels?|ride|wedding|summer|winter|spring|autumn|season)(?:\s+(?:ahead|soon|too|then))?",
)
_GOOD = r"(?:well|healthy|safe|blessed|happy|fit|smiling|strong|positive|cheerful|hopeful)"
_AILS = (
    r"(?:troubles?|pain|loss|sufferings?|illness|discomfort|ordeal|difficult(?:y|ies)|misfortune|situation|problems?|experience|bad\s+luck|"
    r"hard\s+time)"
)
_TRIES = (
    r"(?:annoying|frustrating|distressing|stressful|upsetting|worrying|worrisome|exhausting|scary|disturbing|tiring|irritating|troubling|unpleasant|"
    r"embarrassing|bothersome|difficult|hard|tough|painful)"
)
_VERY = r"(?:(?:very|so|quite|really|extremely|rather)\s+)*"
_FEELS_WITH = (
    r"(?:i|we)\s+(?:(?:can|do|could|fully|well|really|very|totally|completely|quite|truly|certainly|also)\s+)*(?:see|understand|know|imagine|reali[sz]e|feel|get|appreciate)\s+"
    rf"(?:(?:how|that)\s+(?:it|this|that|things)\s+(?:must|can|may|might|would)\s+(?:be|feel|have\s+been)\s+{_VERY}{_TRIES}|"
    rf"how\s+{_VERY}{_TRIES}\s+(?:it|this|that|things|all\s+this)\s+(?:is|are|was|has\s+been|(?:must|can|may|might|would)\s+(?:be|feel|have\s+been)))"
    r"(?:\s+(?:(?:for|on)\s+(?:you|him|her|them|your\s+\w+|everyone|all)|to\s+(?:live\s+with|bear|deal\s+with|go\s+through)))*"
)
FEELS_WITH = pattern(rf"\W*{_FEELS_WITH}[\s.!]*$")
FEELINGS = (
    "annoying frustrating distressing stressful upsetting worrying worrisome exhausting scary disturbing tiring irritating "
    "troubling embarrassing"
)
FEELS_INSIDE = (
    *FEELINGS.split(),
    *(f"how {feeling} " for feeling in ("unpleasant", "bothersome", "difficult", "hard", "tough", "painful")),
)
"""In the middle of an answer one of these is in a sentence that only feels with the reader."""
_WISHED_FOR = (
    _FEELS_WITH,
    rf"(?:be|stay|keep)\s+{_GOOD}(?:(?:\s*[,&]|\s+and)\s+(?:(?:be|stay|keep)\s+)?{_GOOD})+(?:\s+always)?",
    r"(?:(?:i|we)\s+)?(?:(?:will|do|sincerely|really|always|just|also|am|are)\s+)*(?:pray(?:ing)?|wish(?:ing)?)\s+(?:to\s+god\s+)?(?:that\s+)?(?:you|u|he|she|they|your\s+\w+)"
    r"(?:\s+and\s+(?:you|your\s+\w+))?\s+(?:(?:will|would|may|can|all|both|soon|shall)\s+)*(?:finds?|gets?|gains?|recovers?|feels?|heals?|stays?|regains?|becomes?|be|is|are|have|has|"
    r"enjoys?|lives?)(?:\s+(?:peace|comfort|strength|relief|well|better|healthy|healed|fine|happy|soon|again|recovery|quick(?:ly)?|fast|fully|completely|early|and|an?|the|long|all|"
    r"right|alright|ok(?:ay)?|good|health|happiness|solace|courage|hope|joy|life|out|of|this|in|from|pain|his|her|your|their|very|speedy|complete|easier|family|always))+",
    rf"(?:(?:i\s+am|i['’]m)\s+)?(?:(?:really|so|very|truly)\s+)*sorry\s+(?:for|about)\s+(?:(?:all|the|your|his|her|this)\s+)+{_AILS}",
    r"(?=[^.!?\n]*\s(?:me|us)\b)(?:(?:please|kindly|you\s+(?:can|may|could)|just|also|always|do|feel\s+free\s+to)\s+)*(?:ask|put|write|send|post|message|contact|reach|raise|drop)\s+"
    r"(?:(?:your|any|more|further|other)\s+(?:quer(?:y|ies)|questions?|doubts?)\s+)?(?:(?:to\s+)?(?:me|us)\s+)?(?:(?:in|as|by|via|through|with)\s+)?(?:an?\s+)?(?:private(?:ly)?|direct(?:ly)?|personal(?:ly)?)(?:\s+(?:message|quer(?:y|ies)|questions?|chat|mail|inbox))?"
    r"(?:\s+(?:to\s+)?(?:me|us))?(?:\s+(?:here|(?:on|at|in|through|via)\s+(?:this|the|our)\s+(?:site|website|platform|portal|forum|page|app)))?",
)
_WRITES_BACK = (
    r"(?:once|when|after|as\s+soon\s+as)\s+you\s+(?:(?:have|will)\s+)?(?:(?:write|written|get|report)\s+back|repl(?:y|ied)|respond(?:ed)?|revert(?:ed)?|answer(?:ed)?)(?:\s+back)?(?:\s+(?:to\s+)?(?:me|us))?,?\s+"
    r"(?:then\s+)?(?:i|we)\s+(?:can|will|shall|could|may)\s+(?:then\s+)?(?:continue|proceed|go\s+on|go\s+ahead|move\s+on|move\s+forward|plan|discuss|decide|talk|start)(?:\s+(?:with|on|to|about|the|your|our|"
    r"a|further|treatments?|treating|therapy|plan|planning|next|steps?|discussion|discussing|this|it|from|there|accordingly|better|management|case|advice|you|more))*"
)
_CLEARER = (
    r"(?:(?:i|we)\s+(?:(?:would|will|may|must|do)\s+)?(?:ask|request|urge|like)\s+(?:you\s+)?to|(?:(?:please|kindly|do)\s+)+)\s*(?:add|include|attach|upload|post|share|send)\s+"
    r"(?:(?:the|your|his|her|all|an?|some)\s+)+(?:[\w-]+\s+){0,3}?(?:sheets?|papers?|scans?|reports?|films?|pictures?|photos?|images?|results?|records?|cop(?:y|ies)|files?|details?)(?:\s+(?:here|too|also))?"
    r"\s+so\s+(?:that\s+)?(?:it|this|that|things|all|everything|the\s+(?:picture|matter|case|situation|problem|diagnosis))\s+(?:(?:can|may|will|would|might)\s+)?"
    r"(?:becomes?|gets?|is|be|are|made)\s+(?:(?:more|a\s+bit|much|all)\s+)*(?:clear(?:er)?|easier|plain(?:er)?|understandable)(?:\s+(?:to|for)\s+(?:me|us))?"
)
"""What is asked for or promised to go on with; no test and no drug is named."""
_OVERVIEW = (
    r"(?:having|after|on|upon)\s+(?:(?:carefully|thoroughly|now)\s+)*(?:studied|studying|read|reading|reviewed|reviewing|seen|seeing|considered|considering|(?:gone|going|looked|looking)\s+(?:through|at|into|over))\s+"
    r"(?:(?:all|the|your|of|these|those|given|provided|medical)\s+)*(?:details?|quer(?:y|ies)|questions?|case|histor(?:y|ies)|reports?|messages?|posts?|letters?|information|symptoms?|concerns?|problems?)"
    r"(?:\s+(?:carefully|thoroughly|well|in\s+details?))?,?\s+(?:let\s+me|i\s+(?:will|would\s+like\s+to|want\s+to|can|shall|wish\s+to)|allow\s+me\s+to)\s+(?:give|offer|share|present|write|provide|make)(?:\s+you)?\s+"
    r"(?:(?:an?|my|some|the|short|brief|quick|small|general|honest|few|detailed|simple)\s+)+(?:overview|summary|opinions?|advi[cs]e|answers?|reply|thoughts?|explanations?|suggestions?|outline|comments?|view|remarks?)"
    r"(?:\s+(?:of|on|about|for|to|regarding)\s+(?:it|this|that|you|(?:the|your|this)\s+(?:problem|quer(?:y|ies)|questions?|case|matter|condition|situation|topic|issue)))?"
)
"""A promise of an answer; what it says comes behind it."""
_SAD = (
    r"(?:oh,?\s+)?what\s+an?\s+(?:(?:very|really|truly)\s+)?(?:sad|terrible|awful|horrible|dreadful|painful|distressing|unfortunate|heart-?breaking|tragic)\s+"
    r"(?:thing|story|news|situation|experience|time|ordeal|event|message)(?:\s+to\s+(?:read|hear|go\s+through|live\s+through|have|bear|learn))?(?:\s+(?:for|of|about)\s+(?:you|it|this|your\s+\w+))?"
)
LABELS = tuple(f"{whose} {what}" for whose in ("The", "the", "My", "my") for what in ("reply", "response", "answer"))
LABEL = pattern(
    r"(?:the|my)\s+(?:reply|response|answer)(?:\s+(?:to|for)\s+(?:you|(?:your|the|this)\s+(?:quer(?:y|ies)|questions?|concerns?|post|message|problem)))?\s+is\s*:\s*"
    r"(?=[^\s:.!?]+\s+[^\s:.!?]+\s+[^\s:.!?])"
)
"""What announces the answer in a sentence of its own: "The reply is: Feed it less."."""
_ASKS = (
    r"(?:(?:please|kindly|pls|do)\s+)+(?:write|get|report|revert|reply)\s*back\s+(?:how|what|whether|on\s?\d+)\b[^.!?\n]{0,60}",
    r"(?:(?:please|kindly|pls|do)\s+)+(?:reply|answer|respond|revert|write\s+back)(?:\s+(?:back|me|us))?,?\s+so\s+(?:that\s+)?(?:i|we)\s+can\s+[^.!?\n]{3,70}",
    rf"(?:(?:please|kindly|pls|do)\s+)+(?:review|reply|respond|revert|report|follow\s+up)(?:\s+back)?\s+with\s+(?:(?:the|your|all|more|further|above)\s+)*{_SEEN}"
    r"\b(?!.*\b(?:doctor|gp|clinic|hospital|specialist|\w+ist|\w+ician)\b)[^.!?\n]{0,60}",
    rf"(?:the|your)\s+(?:\w+\s+)?{_SEEN}\s+(?:can|may|could)\s+be\s+(?:sent|posted|uploaded|shared|attached)\s+(?:here|to\s+(?:me|us))\b[^.!?\n]{{0,40}}",
    rf"(?:i|we)\s+(?:will|would|shall)\s+be\s+(?:happy|glad)\s+to\s+(?:review|look\s+at|see|go\s+through)\s+(?:any|your|the)\s+(?:\w+\s+)?{_SEEN}\b[^.!?\n]{{0,60}}",
    r"(?:(?:only\s+)?(?:then|after)\b[^,.!?\n]{0,50}?,?\s*)?i\s+(?:can|will|could)\s+(?:then\s+)?(?:be\s+able\s+to\s+)?(?:give|offer)\s+(?:you\s+)?"
    r"(?:my|any|further|better|an?)\s+(?:\w+\s+)?(?:comments?|opinion|suggestions?)\b[^.!?,\n]{0,50}",
    r"i\s+(?:should|would|will|could)\s+be\s+(?:able|in\s+a\s+\w+\s+(?:state|position))\s+to\s+(?:give|answer|comment|help|advise|guide)\b[^.!?\n]{0,40}\s+"
    r"if\s+(?:i|you)\s+[^.!?\n]{0,20}\b(?:see|attach|send|share|upload|post)\b[^.!?\n]{0,50}",
    r"(?:would|do)\s+you\s+(?:like|want)\s+(?:me|us)\s+to\s+[^.!?\n]{3,90}",
    r"(?:(?:i\s+am|i['’]m)\s+)?(?:(?:really|so|very)\s+)*sorry(?:\s+dear)?",
    r"(?:(?:i\s+am|i['’]m)\s+)?(?:(?:really|so|very)\s+)*sorry\s+(?:(?:for|about)\s+(?:this|that)|to\s+say\s+(?:this|that)|"
    r"(?:for|about|to\s+(?:give|bring|tell|break)(?:\s+you)?|to\s+be\s+the\s+bearer\s+of)\s+(?:(?:the|this|such|any)\s+)?(?:an?\s+)?(?:bad|sad)\s+news|"
    r"(?:that\s+)?i\s+(?:could|can)(?:\s+not|not|n['’]t)\s+(?:be\s+of\s+(?:more|any|much)\s+help|help(?:\s+(?:you|more|further))*))",
    r"i\s+(?:will|shall|['’]ll)\s+(?:try|do|follow)\s+(?:it|that|this|so|your\s+advice)(?:\s+and\s+(?:let\s+you\s+know|tell\s+you|report\s+back|update\s+you))",
    r"dr\.?\s+(?!and\b)[a-z]{3,}\s+[a-z]{3,}(?=\s*$)",
    _WRITES_BACK,
    _CLEARER,
)
SAYS_NOTHING = pattern(
    r"^\W*(?:(?:(?:please|kindly|you\s+(?:can|may)|so|just)\s+)*(?:visit|contact|call|write\s+to|come\s+to|consult|meet|approach|reach)\s+"
    r"(?:me|us|our\s+(?:clinic|hospital|cent(?:re|er)|team|office|experts?|doctors?|staff))(?:\s+(?:at|in|on)\s+(?:the|our)\s+\w+)?,?\s+"
    r"(?:(?:and|so|where)\s+)?(?:we|i|they)\s+(?:will|can|shall|would)\s+(?:be\s+(?:happy|glad|able)\s+to\s+)?(?:help|assist|guide|treat)\s+you"
    r"(?:\s+(?:further|better|out|soon|there|with\s+(?:it|this|that)))*|"
    r"(?:hence,?\s+|so,?\s+)?(?:(?:i\s+(?:would\s+)?advise\s+you\s+to|please|do|kindly)\s+)*(?:(?:write|get|come|report|revert)(?:\s+back)?(?:\s+with\s+(?:the|your|all)\s+[^.!?,\n]{3,50}?)?\s+to|consult|contact)\s+an?\s+"
    r"(?:[\w-]+\s+){1,4}online\b[^.!?,\n]{0,90}|"
    r"thank(?:s|\s+you)\b[^.!?,\n]{0,40}\b(?:i\s+(?:\w+ly\s+)?appreciate|for\s+(?:the|your)\s+(?:reply|response|answer|help))\b[^.!?,\n]{0,90}|"
    r"i\s+(?:can|will)\s+give\s+(?:you\s+)?my\s+(?:comments?|opinion)\b[^.!?,\n]{0,50}|"
    r"i\s+can(?:no|['’])t\s+thank\s+you\s+enough)[.!\s>-]*$"
)
"""All of a sentence that sends the reader to the writer, who promises help there, or of the thanks of somebody who asked."""
_HELPS = (
    r"(?:do\s+not\s+worry,?\s+|don['’]?t\s+worry,?\s+)?(?:i|we)(?:['’](?:m|re|ll)|\s+(?:am|are|will|would|shall|can))\s+"
    r"(?:(?:always|surely|definitely|certainly|be|there|here|try|happy|glad|to)\s+)*(?:help|assist|guide|answer)\s+(?:you|u)"
    r"(?:\s+(?:out|with|in|on|your|this|the|any|all|problems?|quer(?:y|ies)|questions?|concerns?|issues?|better|further|matter|today|if|needed|required|you|"
    r"need|want|wish|have|more))*"
)
_LATE = r"(?:reply|response|answer|delay|wait|inconvenience|trouble|confusion)"
_EXCUSE = (
    r"(?:(?:i|we)(?:['’](?:m|re)|\s+am|\s+are)?\s+)?(?:(?:so|very|really|sincerely)\s+)*(?:sorry|apologi[sz]e|(?:my\s+|our\s+)?apologies)\s+(?:for|about)\s+"
    rf"(?:the|my|our|any|this|all\s+the)\s+(?:(?:late|delayed|slow|long|tardy|belated)\s+)?{_LATE}"
    r"(?:\s+(?:in|with)\s+(?:replying|responding|answering|getting\s+back|my\s+reply|this)(?:\s+to\s+you)?)?(?:\s+(?:(?:this|it)\s+)?(?:may\s+)?(?:has\s+|have\s+)?caused?(?:\s+you)?)?"
)
_ANSWER = r"(?:answers?|repl(?:y|ies)|posts?|messages?|comments?|questions?|quer(?:y|ies)|responses?)"
_POSTED = (
    r"(?:post(?:ed|ing)?|sen[dt](?:ing)?|submit(?:ted|ting)?|answer(?:ed|ing)?|"
    r"writ(?:ten|ing)|wrote|repl(?:ied|ying)|typ(?:ed|ing))"
)
_GOT = r"(?:(?:i|it|this|that|my|the|our|same|has|have|had|was|were|got|been|accidentally|mistakenly|for|about)\s+)*"
_TWICE = (
    r"(?:(?:i\s+am|i['’]m)\s+)?(?:(?:so|very|really)\s+)*(?:sorry|(?:i\s+)?apologi[sz]e|(?:my\s+)?apologies|(?:please\s+)?(?:excuse|pardon|ignore))"
    rf"(?:,?\s+{_GOT}(?:{_ANSWER}\s+)?{_GOT}{_POSTED}(?:\s+(?:(?:this|it|that|my|the|an?)\s+)?(?:same\s+)?(?:{_ANSWER}|thing)?)?"
    r"\s*(?:twice|two\s+times|double|again|repeatedly|more\s+than\s+once)(?:\s+by\s+(?:mistake|accident|error))?|"
    r",?\s+(?:(?:for|about|my|the|this|that|any)\s+)*(?:(?:double|duplicate|repeat(?:ed)?|second|multiple)\s+"
    rf"(?:{_ANSWER}|{_POSTED}|entr(?:y|ies))|repetition))"
)
"""An apology for an answer that came twice."""
_BEGIN = (
    *_WISHES,
    _HELPS,
    _PATIENCE,
    r"h(?:y|i|ey|ello)\s+there[\s,!]*th(?:an)?(?:ks|x)\s+(?:4|for)\s+(?:ur|your|the)\s+(?:quer(?:y|ies)|questions?|messages?|posts?)",
    r"h(?:y|i|ey|ello)\s+there",
    r"how\s+(?:are|r)\s+(?:you|u)(?:\s+doing)?(?:\s+(?:today|now))?",
    r"(?:it\s+is\s+|it['’]s\s+)?(?:nice|good|great|glad|happy)\s+to\s+(?:hear\s+from|see|meet)\s+you(?:\s+(?:again|back|here))?",
    r"(?:please\s+|kindly\s+)*(?:find|see)\s+(?:my|the)\s+(?:observations?|answers?|comments?|suggestions?|opinion|advice|response|reply)\s+"
    r"(?:below|as\s+follows|herewith|attached)",
    _EXCUSE,
    _TWICE,
    r"let\s+me\s+(?:try\s+(?:my\s+best\s+)?to\s+)?(?:help|assist|answer|guide)\s+(?:it|you|this|them|your\s+\w+)(?:\s+(?:out|with|in|for|you|this|that|your|it|"
    r"query|question|concern|problem|matter|issue|now|today|the|best|way|possible))*",
    r"(?:(?:so|very|really)\s+)?sorry\s+(?:that\s+)?it\s+(?:took|has\s+taken)\s+(?:me\s+|us\s+)?so\s+long(?:\s+to\s+(?:reply|answer|respond|get\s+back(?:\s+to\s+you)?))?",
    r"sorry\s+to\s+bother\s+you(?:\s+again)?|(?:sorry\s+for|(?:please\s+)?(?:excuse|pardon))\s+my\s+(?:(?:bad|poor|broken)\s+)?english",
    r"(?:that['’]?s|that\s+is|this\s+is|what)\s+an?\s+(?:really\s+|very\s+|such\s+an?\s+)*(?:great|good|excellent|interesting|fantastic|wonderful)\s+question",
    r"(?:i(?:['’]m|\s+am)\s+)?(?:so\s+)?glad\s+(?:that\s+)?you\s+(?:have\s+)?asked(?:\s+(?:this|that|it|me))?|sure\s+thing",
    r"long[\s-]*time\s+(?:lurker|reader|listener)(?:\s+here)?(?:,?\s*first[\s-]*time\s+(?:poster|caller))?|first[\s-]*time\s+poster(?:\s+here)?",
    rf"i\s+(?:have\s+)?(?:(?:carefully|thoroughly)\s+)?(?:analy[sz]ed|checked|reviewed|read|gone\s+through|seen)\s+(?:all\s+)?(?:the|your)\s+(?:attached\s+)?{_SEEN}"
    r"(?:\s+(?:(?:provided|given|sent|mentioned)\s+by\s+you|(?:(?:which|that)\s+)?you\s+(?:have\s+|had\s+)?(?:provided|given|sent|attached|shared|mentioned)(?:\s+to\s+me)?))?"
    r"(?:,?\s+and\s+here\s+(?:is|are)\s+(?:the|my)\s+(?:solution|advice|answer|opinion|suggestion)s?)?",
    r"i\s+have\s+gone\s+through\s+what\s+you\s+(?:have\s+)?mentioned(?:\s+and\s+(?:i\s+)?understand\s+your\s+\w+(?:\s+about\s+[^.!?\n]{3,50})?)?",
    r"may\s+(?:god|allah|the\s+lord)\s+(?:bless|gives?|grants?|helps?|heals?)\b(?:(?!\bbut\b)[^.!?\n]){0,60}",
    r"i\s+(?:went|have\s+gone)\s+through\s+your\s+\w+\s+which\s+[^.!?\n]{3,50}",
    _OVERVIEW,
    _SAD,
    rf"the\s+(?:\w+\s+)?{_SEEN}\s+(?:that\s+|which\s+)?you\s+(?:have\s+)?(?:posted|attached|sent|mentioned|uploaded|shared)(?:\s+in\s+the\s+attached\s+\w+)?",
    r"th(?:an)?(?:ks|x|k\s+you)\s+for\s+(?:the\s+)?a2a|thank(?:s|\s+you)\s+for\s+bringing\s+(?:this|it)\s+to\s+(?:my|our)\s+attention",
)
ENDING = pattern(rf"\W*(?:{'|'.join((*_END, *_WISHED_FOR, *_ASKS, *_WISHES, _HELPS, _PATIENCE, _EXCUSE, _TWICE))})\W*$")
BEGINNING = pattern(rf"\W*(?:{'|'.join(_BEGIN)})\W*$")
ENDING_WORDS = frozenset(
    """enjoy before congrats congratulations first firstly hearty warm
    5 5star 5stars a accept also an and any anything apologies apologise apologize award cheers dm do don dont dr
    edit edit* excuse feel five fivestar fivestars follow for forany forgive get give happy have hope hth hugs
    i i'm if ignore inbox is just kindly leave like lots many mark much my our pardon please pls pm rate really
    remember select sent should sincerely so sorry subscribe be stay keep once when as we are ask put post message contact
    reach raise drop request urge feel truly will always also am pray praying wish wishing
    thanks thannx thanx that thats the this thks thnx
    thx ttyl up upvote very we would write you your after then only""".split()
)
KISSES = "x"
"""Words of any length may begin so."""
BEGINNING_WORDS = frozenset(
    """have enjoy before congrats congratulations firstly hearty many warm apologies apologise apologize do don dont excuse
    find first firsttime glad good great happy hello hey hi how hy i ignore it kindly let long longtime may my nice our
    pardon please really see sincerely having after on upon oh so
    sorry sure thank thanks thanx that the thats this thk thks thx very we what""".split()
)
"""First words of these sentences: to look for them takes 1 us, to try the patterns 4."""
LONGEST = 120
SMILEY = pattern(
    r"[\s.,–—-]*(?:(?:[:;=8]['’]?-?[)(dp3*|]+|<3|\^_?\^|[\U0001f300-\U0001faff\u2600-\u27bf\ufe0f])[\s.!]*)*$"
)
"""What may stand behind a goodbye."""
OFFER = pattern(
    r"^\W*(?:(?:and|but|so|also)\s+)?(?:if\s+(?:you|there|[^,.!?;\n]{2,90}\bif\s+you)|should\s+you|whenever\s+you|in\s+case\s+(?:you|of))\b[^,.!?;\n]{2,80},?\s+(?:please\s+|just\s+|do\s+|"
    r"kindly\s+|always\s+)*(?:(?:feel\s+free|do\s+not\s+hesitate|don['’]t\s+hesitate)\s+to\s+(?:ask|contact|reach\s+out|let\s+(?:me|us)\s+know|message|call|"
    r"write|get\s+in\s+touch)|let\s+(?:me|us)\s+know|ask(?:\s+away)?|contact\s+(?:me|us)|reach\s+out|i(?:['’]m|\s+am)\s+here(?:\s+to\s+help)?)"
    r"(?:\s+(?:me|us|to|again|here|any\s?time|at|about|it|them|for|help|with|more|back|out|directly))*\s*[.!]*$"
)
OFFER_WORDS = frozenset("and but so also if should whenever in".split())
"""An offer to answer more, whatever it is about; the whole of a sentence, and its first words."""
CLAUSES_INSIDE = ("let me know", "let us know", " revert", "get back to me", "get back to us", "upload it")
"""A polite clause is looked for in the middle of an answer too where one of these is."""
SO_I_CAN = pattern(
    r",?\s+(?:so\s+(?:that\s+)?|(?:and\s+)?from\s+there,?\s+)(?:i|we)\s+(?:can|could|may)\s+(?:help|guide|advise|assist|suggest)\s+(?:you|u)(?:\s+(?:better|further|more|out|accordingly|appropriately|"
    r"in\s+an?\s+better\s+way|(?:to|for|on|about|with|regarding)\s+(?:(?:the|your)\s+)?next\s+steps?))*(?=\s*(?:[.!?…]|$))|(?<!happy)(?<!glad)(?<!pleased)(?<!here)(?<!able),?\s+to\s+(?:help|guide|assist)\s+(?:you|u)\s+(?:further|better|in\s+(?:a\s+)?better\s+way)(?=\s*(?:[.!?…]|$))"
)
SO_I_CAN_SIGNS = Signs(
    "so that i ",
    "so i c",
    "so that we ",
    "so we c",
    "from there i ",
    "from there we ",
    "from there, i ",
    "from there, we ",
    "you further",
    "you better",
    "you in better",
    "you in a better",
    shared=("so that ", "so ", "better", "from there"),
)


def offers(sentence: str) -> bool:
    """Whether a sentence is an offer to answer more."""
    return first_word(sentence) in OFFER_WORDS and bool(OFFER.match(sentence))


def ends(sentence: str) -> bool:
    """Whether a sentence is one of those at the end."""
    word = first_word(sentence) if len(sentence) <= LONGEST else ""
    return (word in ENDING_WORDS or word.startswith(KISSES)) and bool(ENDING.match(sentence))


def feels_with(sentence: str) -> bool:
    """Whether a sentence only says that the writer feels with the reader."""
    return first_word(sentence) in ("i", "we") and bool(FEELS_WITH.match(sentence))


def begins(sentence: str) -> bool:
    """The same at the beginning."""
    return len(sentence) <= LONGEST and first_word(sentence) in BEGINNING_WORDS and bool(BEGINNING.match(sentence))


FINDS = pattern(
    r"^\W*(?:(?:after|on|having)\s+(?:going|gone|reading|reviewing|seeing|seen|looking|checking|analy[sz]ing)|"
    r"i\s+(?:have\s+|had\s+)?(?:\w+ly\s+)?(?:gone|went|read|reviewed|seen|checked))\b[^.!?\n]{0,90}?[,\s]\s*"
    r"(?:you|he|she|it|they|there|your\s+\w+)\s+(?:(?:do|does|did|are|is|have|has|need)\s*(?:not\b|n['’]t\b)|(?:have|has|had|is|are|need)\s+no\b)"
    r"(?!\s+(?:(?:need|reason|have)\s+to\s+)?(?:worry|be\s+(?:worried|afraid)))"
)
"""What the reader does not have, behind a clause that names what was read: an answer, if every word could be a courtesy's."""


STATES = pattern(
    r",\s+(?:yes|no|it|this|that|they|you|he|she)\s+(?:is|are|was|were|can|will|should|may|has|have|do|does)\b|"
    r"\bwelcome\s+to\s+(?:take|use|try|give|make|go|keep|put|have|do|bring)\b"
)
"""A statement behind a courtesy, and what the reader may do."""


def _is_predicate(word: str, found: list[str]) -> bool:
    """Whether the one unknown word is what something is said to be, or what is to be taken: "Thank God it is benign"."""
    article = False
    for before in reversed(found[: found.index(word)]):
        if before in ("is", "are", "was", "were", "take", "use", "try") or (before == "get" and article):
            return True
        if before not in ("a", "an", "the", "not", "very", "so", "quite", "really", "only"):
            return False
        article = article or before in ("a", "an", "the")
    return False


def is_boilerplate(sentence: str, *, unknown: int) -> bool:
    """Whether a sentence is made of words of boilerplate, with a sign among them; up to `unknown` words may be others."""
    if sentence.isascii() and content.begins_otherwise(sentence, unknown):
        return False
    if len(sentence) > boilerplate.LONGEST or sentence.rstrip().endswith(":") or sentence.lstrip().startswith("#"):
        return False
    lowered = sentence.lower().replace("’", "'")
    found = boilerplate.WORD.findall(lowered)
    others = [word for word in found if word not in boilerplate.WORDS]
    if len(others) > unknown:
        return False
    if content.FARES.match(sentence) or (others and (STATES.search(sentence) or _is_predicate(others[0], found))):
        return False
    understood = "understand" in found and "your" in found
    if others and ('"' in sentence or content.ADDRESSES.isdisjoint(found)):
        return False
    if others and not (
        4 <= len(found) <= boilerplate.MOST_WORDS
        and not others[0].isdigit()
        and (understood or not boilerplate.STRONG_SIGNS.isdisjoint(found))
    ):
        return False
    if not understood and boilerplate.SIGNS.isdisjoint(found):
        return False
    return not (referral(sentence) or content.NAMES_IT.match(sentence) or FINDS.match(sentence))
