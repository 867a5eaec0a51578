"""The words of the pack qa-forum: what boilerplate is made of, how it begins, and how it ends. Data for forum.py."""

from __future__ import annotations

import re

from job.cleaning.rules.late import pattern as pattern  # the modules of words take it from here

LONGEST = 320
"""Characters of a boilerplate sentence; longer ones say something."""
MOST_WORDS = 16
"""Words of a boilerplate sentence with one unknown word; longer ones say something."""
BRAND = "ourforum"
"""Stands for a brand name while words are compared."""


def misspelt(word: str) -> frozenset[str]:
    """A word with a letter behind the first left out, doubled, or changed for its neighbour."""
    places = range(1, len(word))
    return frozenset(
        {word[:at] + word[at + 1 :] for at in places}
        | {word[:at] + word[at] + word[at:] for at in places}
        | {word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in places if at + 1 < len(word)}
    )


MISSPELT_THANKS = (
    misspelt("thanks")
    | misspelt("thank")
    | misspelt("thankyou")
    | {"thnkyou", "thankz", "thnku", "thankq", "thankx", "thnx", "tnx", "thanku", "thanq"}
) - frozenset(("tanks", "tank", "than", "thank", "thanks"))

SIGNS = (
    frozenset(
        """hello hi hey hii hai greetings namaste welcome wellcome welcom wecome welocme regads reagrds regrds regars thank thanks thankyou thanx thx query queries question
    questions querys concern concerns doubt doubts regards regard hope hoping hoped hopefully wish wishes wishing luck bless
    hesitate revert rate rating vote helpful posting consulting contacting clarification clarifications answered feedback
    reviewed appreciate appreciated understood studied gone sincerely thumbs cheers bye goodbye clarify contact premium
    pleasure forum ourforum satisfied assist assistance star stars vote votes upvote rated ratings reviews thumb testimonial god
    goodluck greeting""".split()
    )
    | MISSPELT_THANKS
)
STRONG_SIGNS = frozenset("query queries question questions concern concerns thanks thank welcome forum".split())
"""With one of these a boilerplate sentence may have one unknown word."""
WORDS = SIGNS | frozenset(
    """i i'm im you're you've i'll i've i'd id ive me my mine myself we us our you your yours yourself u ur he she him her his they them their
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
    raised pertinent valid genuine extremely learn aware professional recommendations recommendation provide valuable regard
    like liked leave give press hit mark select choose chat call calls ring phone video text message whatsapp connect meet book
    schedule talk speak reach anytime session appointment profile page link thread button above below through via happily
    peaceful prosperous joyful joy happiness blessings blessing prayers pray smiling smile lead live ahead family loved ones
    prompt long possible ease ahead patience patient's worry queries' concerned""".split()
)
WORD = re.compile(r"[a-z]+(?:['’-][a-z]+)*|\d+")

GREETING = r"h(?:i+|ello+|ey+|ai|allow?|ullo|elo|ii|ellow)|greetings|namaste|namaskar|good\s+(?:morning|afternoon|evening|day)|respected(?=\s*[,.!]|\s+(?:sir|madam|mam|ma|dr|doc|user|patient|member|friend|colleague|all)|(?-i:\s+[A-Z][\w'’-]+\s*[,!:]))"
_VERB_BEHIND = (
    r"(?:(?:sure|definite|certain|probab|possib|usual|obvious|clear|apparent|real|actual|general|most)ly\s+|(?:also|still|often|now|not)\s+){0,2}"
    r"(?:(?:is|are|was|were|can(?:not)?|could|may|might|will|would|must|has|had|should)(?:n['’]?t)?"
    r"(?!\s+(?:you|u|i|we|he|she|they|it|this|that|these|your|my|any|him|her)\b)|have\s+(?:been|to)|"
    r"(?:do|does|did)(?:n['’]?t|\s+not)?\s+(?:seem|appear|exist|look|have|need)|seems?(?!\s+(?:like|you|your|that|as)\b)|"
    r"appears?|exists?|remains?|means|needs?|helps?|knows?|ought|used\s+to)\b"
)
ADDRESS = (
    rf"(?:dear|dr|sir|madam|ma['’]?am|mam|buddy|again|mr|mrs|ms|miss|"
    r"all(?=\s*(?:[^\w\s]|$)|\s+(?:thanks?|thank|welcome|hope|this\s+is|it\s+is|there|if)\b)|"
    r"(?:there|doctor|doc|user|patient|friend|everyone|everybody|guys|folks|parents?|member|customer|questioner|reader|asker|mother|dad|mom|mate|pal|dude|bro)"
    rf"(?!\s+(?:of\s(?!course)|whom?\b|whose\b|{_VERB_BEHIND})))"
)
"""Whom a greeting greets; a noun before its verb is a subject: "Hi there does not seem to be any", "Hi all plants"."""
TITLE = r"(?:mr|mrs|ms|miss|mx|dr|doctor|prof|professor|st|rev|sir|madam|mme|herr|frau)"
"""What stands before a name."""
STARTS = (
    r"(?:I|You|Your|We|My|It|Its|The|This|That|These|There|Thanks?|Welcome|Hope|As|In|For|From|After|Since|Based|According|Regarding|"
    r"Yes|No|Please|Kindly|Hi|Hello|Hey|Dear|Good|How|What|If|At|On|With|To|Now|First|Take|Use|Stop|Avoid|Keep|Nothing|Don|Do|Most)"
)
"""Words that begin a sentence and are no name."""
NO_NAME = rf"(?!\s*,?\s*(?:(?:dear\s+)?{TITLE}\.?\s+(?-i:(?!{STARTS}\b)[A-Z][a-z'’])|@\w))"
"""A greeting goes with the name of the person, or stays: "Hi Dr. Moss turned it off"."""
NAMED = rf"(?-i:(?!{STARTS}\b)[A-Z][\w'’&-]*(?:\s+(?:(?:of|the|and|&)\s+)?[A-Z][\w'’&-]*){{0,3}})"
NO_STUMP = (
    r"(?!(?:\s+(?:at|on|with|in|to|via)|(?<=contacting)|(?<=choosing)|(?<=consulting))"
    rf"\s+(?-i:(?!{STARTS}\b)[A-Z]))"
)
"""Behind thanks that go on with a name, which would be left alone: "Thanks for choosing Ferns, Moss and more"."""
# Words between "thanks" or "welcome" and the noun that ends the phrase.
THANKS = rf"(?:thanks?(?:\s+(?:you|u)\b)?|thankyou|thanx|thx|{'|'.join(sorted(MISSPELT_THANKS))})"
LINK = (
    r"(?:your|you|the|this|that|a|an|all|us|me|my|our|for|to|in|at|on|with|by|of|and|up|such|so|much|very|well|dear|"
    r"detailed|brief|nice|good|interesting|valuable|virtual|kind|posting|asking|using|choosing|sharing|writing|putting|"
    r"providing|sending|submitting|contacting|consulting|trusting|visiting|reaching|out|raising|seeking|help|health|online|"
    r"medical|question|query|concern|trust)"
)
NOUN = (
    rf"(?:quer(?:y|ies)|questions?|concerns?|posts?|posting|message|mail|problems?|issues?|trust|interest|description|"
    rf"details?|history|information|forum|site|website|platform|portal|service|clinic|community|team|here|writing|asking|"
    rf"contacting|consulting|consultation|contact|choosing|patience|time|in|in\s+to|us|again|info|reply|advice|{BRAND})"
    r"(?:(?<=ing)(?!\s+(?:the|your|this|a|us|ur)\s+(?:\w+\s+)?(?:quer|question|concern|problem))|(?<!ing))"
)
WHERE = (
    r"(?:\s+(?:(?:here\s+)?(?:on|at|in|via|through|to|with)\s+)?(?:"
    r"(?:this|our|the|your|my)\s+(?:(?!and\b|for\b)[a-z]+\s+){0,2}?(?:platform|portal|website|site|forum|services?|clinic|community|page|app)\b"
    r"(?!\s+(?:is|was|has|can|will|where|that|which)\b)|"
    r"(?:the\s+)?[\w-]+(?:\s[\w-]+)?\s?\.\s?(?:com|org|net)\b(?:\s+(?:web)?(?:site|platform|forum))?))"
)
"""The place that thanks are for: "choosing this platform", "on Ferns . com"."""
NO_GREETING = (
    r"(?![\s-]+(?:hats?|fi|tech|res|presto)\b|\s+(?:is|was|are|has|means|comes)\s+(?!you|u\b|it|this|there|he|she|your|the)|,?\s+world\b|\s+there\s+means\b|"
    r"(?-i:\s+[A-Z]\w+[!?]\s+[a-z])|"
    r"(?-i:(?<=[a-z])\s+(?!(?:It|This|That|There|He|She|What|Your|Everything|Mr|Mrs)\b)[A-Z][a-z]+\s+(?:is|was|has|had)\s)|"
    r"(?<=(?:rning|ening|.noon|d\sday|tings))\s+(?!(?:i|you|your|u|it|its|the|this|that|there|as|for|we|my|in|if|and|to|so|what|yes|no|all|sir|mam|madam|ma|"
    r"dear|doctor|dr|doc|friend|thanks?|thank|welcome|hope|from|with|since|based|after|regarding|sorry)\b)(?-i:[a-z]))"
)
"""What stands behind a word that greets nobody: "Hello is", "Hello world", "Hello Kitty is", "Good morning sun"."""
END = r"[\s,.!:;?…\-–—]*"
# "I have gone through your query": what is read, and the reading.
READ = (
    r"(?:\w+\s+)?(?:quer(?:y|ies)|questions?|concerns?|complaints?|problems?|posts?|message|mail|histor(?:y|ies)|details|situation|case(?:\s+summary)?|"
    r"reports?|images?|photos?|photographs?|pictures?|attachments?|apprehensions?|anxiety|worry|worries|description|issues?|feelings?|condition|"
    r"frustration|distress)"
)
I_READ = (
    r"(?:as\s+an?\s+[\w-]+(?:\s+[\w-]+)?\s*,\s*)?(?:and\s+)?I\s+(?:[a-z]+ly\s+|have\s+|had\s+|did\s+|can\s+|do\s+|just\s+|am\s+|completely\s+|fully\s+|really\s+|very\s+well\s+|carefully\s+|thoroughly\s+|"
    r"read\s+and\s+)*(?:gone\s+(?:[a-z]+ly\s+)?through|went\s+(?:[a-z]+ly\s+)?through|passed\s+(?:[a-z]+ly\s+)?through|read(?:\s+(?:through|and\s+underst\w+))?|reviewed?|understood|understand|understanding|appreciate|"
    r"studied|noted|evaluated|analy[sz]ed|share|seen|see)\s+(?:[a-z]+ly\s+)?(?:(?:all|the|your|ur|you|of)\s+){1,3}"
    + READ
    + r"\b(?:\s+and\s+(?:(?:I\s+)?(?:can\s+)?(?:understand|understood|appreciate|noted|reviewed)\s+)?(?:(?:all|the|your|attached|relevant|available)\s+)*"
    + READ
    + r"\b)*"
)

_IS = r"(?:do|does|did|are|is|was|were|have|has|had|needs?|seems?|looks?|shows?|appears?|may|might|can|could|should|must|will|would|suggests?|indicates?)\b"
_FINDS = (
    r"(?:,\s+(?:and\s+|so\s+)?|\s+(?:and|so)\s+)(?=(?:(?:as\s+per|according\s+to|based\s+on)\s+(?:all\s+)?(?:the|your|these|this|my|what|that)|"
    rf"(?:from|in)\s+(?:the|your|these|this|my)\s+(?:[\w-]+\s+)?(?:opinion|view|images?|photos?|pictures?|reports?|scans?|history|description))\s[^.!?\n]*\b{_IS}|"
    r"(?:(?:you|he|she|there)|(?:the|your|his|her|no|all)\s+(?:(?!(?:you|that|which|I)\s)[\w-]+\s+){1,3}?)\s*"
    rf"(?<=\s){_IS}(?!\s+(?:\w+ly\s+)?(?:attached|sent|posted|uploaded|provided|shared|mentioned|given|described)\b))|"
    r",\s+(?=(?:nothing|looks?|seems?|appears?|most\s+(?:likely|probably)|probably|likely|everything)\s)"
)
"""Behind what was read: what was found in it. Where "it" or "they" begins that, they are what was read, and all stays."""


def _spaced(*phrases: str) -> str:
    """Phrases in which spaces may stand anywhere: a lost or displaced space turns "Hi Thanks" into "HiT hanks"."""
    return "|".join(r"\s?".join(phrase.replace(" ", "")) for phrase in phrases)


_BEFORE = r"(?:(?:and|so|first\s+of\s+all|firstly)\b[,\s]*){0,2}"
_SAYS = (
    r"\b(?:but|however|its?|believe|something|this\s+(?:is|was|can|could|may|called)|is\s+(?:an?|the|often|usually|due|caused|what|how|why)|in\s+stage|should|must|need|because|due|"
    r"since|could|may|might|suggest|recommend|advise|think|say|tell|possib\w+|treat\w*|diagnosed)\b"
)
"""What only a sentence holds that says something."""
_FEELS = (
    r"(?:worr\w+|concern(?:s|ed)?|anxi\w+|stress\w*|scared|afraid|upset|distress\w*|frustrat\w+|uncomfortable|disturb\w+|depressed|suffering|"
    r"going\s+through|pain\s+you|feeling|(?:difficult|tough|hard|rough)\s+(?:time|situation|phase)|emotion\w*|fears?)"
)

# Applied to the beginning of an answer in this order, again and again until none applies.
OPENINGS: dict[str, re.Pattern[str]] = {
    "punctuation": re.compile(r"^[\s,.;:!?…\-–—)\]]+(?=[\w(\"'])"),
    "displaced_blank": pattern(
        rf"^(?:{_spaced('hi thanks', 'hello thanks', 'hi thank you', 'hello thank you', 'hi welcome', 'hello welcome')})"
        rf"(?![a-z])(?:\s+{LINK}\b)*+(?:\s+{NOUN}\b)*(?<!\sfor){END}"
    ),
    "dear_name": re.compile(
        rf"^(?i:{GREETING}|dear)(?:\s*,)?\s+(?i:dear\s+)?(?:(?i:{TITLE})\.?\s+){{1,2}}(?:[A-Z]\.\s*){{0,2}}(?!{STARTS}\b)[A-Z][\w'’-]{{1,20}}"
        r"(?:\s+[A-Z][\w'’-]{1,20}){0,2}\s*(?:[,.:]+\s*|!+(?!\s*(?-i:[a-z]))\s*)|"
        rf"^(?i:{GREETING}|dear)\s+(?:(?i:dear|mr|mrs|ms|miss)\.?\s+)?(?:[A-Z][\w'’-]{{1,20}}|@\w[\w.-]{{0,30}}\w)\s*"
        r"(?:[,:]+\s*|!+(?!\s*(?-i:[a-z]))\s*|(?i:sir|madam|mam|ma['’]am)\s*[.,!:]+\s*)"
    ),
    "greeted_name": pattern(
        r"^(?:hi+|hello|hey|dear)\s+(?!\w+(?:ly|ing|s)\b|(?:yes|yeah|yep|no|not|well|okay|sure|again|then|and|but|here|first|sometimes|however|sorry|thanks?|"
        r"thank|welcome|how|hope|also|now|just|only|maybe|perhaps|the|this|that|these|your|you|our|its|for|from|with|as|if|in|what|when|why|who|all|any|"
        r"have|has|had|are|was|can|could|may|will|would|should|did|does|please|kindly|because|since|although|though|once|unless|them|her|him)\b)"
        r"[a-z]{3,12}(?:\s*(?:…|\.{2,}|\s-+\s|,)\s*(?=(?:i|you|your|we|my|how|what|thanks?|welcome|sorry|please|kindly|don['’]?t|according\s+to|based\s+on|as\s+per|"
        r"(?:do|did|have|are)\s+you|(?:is|are|was)\s+(?:there|it|your|the|this))\b)|"
        r"\s+(?=(?:thanks?|thank\s+you|welcome|hope\s+(?:you|this)|how\s+are\s+you|sorry\s+(?:to|for|about)|i\s+(?:understand|went|have\s+(?:gone|read|reviewed|"
        r"seen|understood)))\b))"
    ),
    "greeting": pattern(
        rf"^(?:{GREETING})(?![\w'’-]){NO_NAME}{NO_GREETING}(?:[\s,]+{ADDRESS}\b\.?)*(?:\s+(?:(?:and|abd|an|nad)(?=\s+(?:welcome|thank|good))|"
        rf"and\s+(?:the\s+)?forum\b))?{END}"
    ),
    "dear": pattern(
        rf"^dear\b{NO_NAME}(?=[\s,.]*[A-Z0-9])?(?:\s+{ADDRESS}\b\.?)*(?:\s*[,.!:\-–]+\s*|\s+(?=(?-i:(?:I|A|The|This|That|These|It|Its|As|For|From|In|If|My|There|After|According|Yes|No|Hello|Hi|Since|Please|First|What|How|When|Have|Do|Did|Are|Can)\b)|your?\b|i\b|we\b|welcome|thank))"
    ),
    "address": pattern(
        r"^(?:(?:mate|pal|dude|bro|buddy)(?=\s*[,!])|sir|madam|ma['’]?am)\b(?:/(?:sir|madam|ma['’]?am))?(?:\s*[,.!:;…–—-]+\s*|\s+(?=(?:i|you|your|u|it|the|this|thanks?|welcome|in|if|as|for|we|my)\b))"
    ),
    "thanks_to_name": pattern(
        rf"^(?:many\s+)?{THANKS}(?:\s+(?:a\s+lot|so\s+much|very\s+much|again))?\s+for\s+(?:contacting|choosing|calling|visiting|consulting|using|joining|"
        r"trusting|(?:reaching\s+out|writing|coming|turning)\s+to|(?:asking|posting|shopping|booking|writing|your\s+(?:[a-z]+\s+)?[a-z]+)\s+(?:at|on|with|in|to))\s+"
        rf"(?:us\s+(?:at|on)\s+)?(?:the\s+)?{NAMED}(?:\s+(?:for|with|about|regarding)\s+(?:your|this|the)(?:\s+[a-z]+)?\s+{NOUN})?(?:\s+today)?\s*(?:[.!…]+(?:\s+|$)|\n+)"
    ),
    "thanks": pattern(
        rf"^(?:many\s+)?{THANKS}(?:\s+(?:a\s+lot|so\s+much|very\s+much|you))?\b"
        rf"(?!\s+to\b)(?:\s+{LINK}\b){{0,9}}?\s+{NOUN}\b(?:\s+(?:to\s+)?(?:{NOUN}|doctors?|(?<={BRAND}\s)(?:customer\s+)?(?:support|service))\b)*(?:\s+and\s+(?:an?|the|your)\s+\w+\s+{NOUN}\b)?{WHERE}?"
        rf"(?:\s+of\s+(?:yours?|you|yourself)\b)?(?:\s+(?:me|us)\b(?:\s+(?:at|on|in|through|via)\s+(?:this|our|the)\s+\w+)?)?(?:\s+(?:with|about|regarding)\s+your\s+(?:health\s*(?:care)?\s+|medical\s+)?(?:concern|question|quer|problem)\w*|\s+with\s+(?:your|this)\s+\w+(?=[.!,])|"
        rf"\s+(?:about|regarding|concerning)\s(?:(?!{_SAYS})[^.!?\n,;:]){{2,80}}(?=[.!?]))?{NO_STUMP}{END}"
    ),
    "thanks_alone": pattern(rf"^(?:many\s+)?{THANKS}(?:\s+(?:a\s+lot|so\s+much|very\s+much|again))?\s*[,.!:]+\s*"),
    "welcome": pattern(
        rf"^(?:(?:and|abd|an?|nad)\s+)?(?:(?:very\s+)?warm\s+)?(?:you\s+are\s+)?(?:most\s+)?wel+come?\b(?:\s+back)?(?:\s+{LINK}\b){{0,6}}?\s+{NOUN}\b"
        rf"(?:\s+(?:{NOUN}|doctors?)\b)*{END}"
    ),
    "welcome_elsewhere": re.compile(r"^[Ww]el+come?\s+to\s+[\w.]{3,30}(?:\s+[\w.]{3,20})?\s*[.!,]\s*"),
    "introduction": re.compile(
        r"^(?:(?:I\s+am|I['’]m|This\s+is|My\s+name\s+is|Myself)\s+)(?:Dr|DR|dr|Doctor|ourforum)\b[.,]?"
        # A name ends at its full stop: what follows is the first sentence.
        r"(?:\s*(?:[A-Z]\.\s*)*(?!I\b)[A-Z][\w'’-]*(?:\s+(?!I\b)[A-Z][\w'’-]*){0,2})?(?:\s*,?\s*(?:M\.?D|MBBS|M\.?S|DNB|FRCS|PhD)\b\.?){0,3}[.,]?"
        r"(?:\s*(?:and\s+)?(?:I\s+(?:am\s+pleased|am\s+happy|am\s+glad|will|shall|would)\s+(?:to\s+|be\s+)?)?"
        r"(?:answer\w*|help\w*|assist\w*)(?:\s+(?:you|your|the|with|question|query|concern|today|here|in|this|regard)\b)*"
        r"(?:\s+(?:regarding|about)\s+(?:(?!\b(?:is|are|was|were|can|may|should|has|have)\b)[^.!?\n,;:]){2,60}(?=[.!?]))?|"
        r"(?:\s*,)?\s*an?\s+(?:[\w-]+\s+){0,4}?(?:specialist|doctor|\w+(?:ist|ian|geon))\b(?:\s+(?:with|from|at|in|working)\s+[^.!?\n,;:]{2,60})?(?=\s*[.!?]))?"
        + END
    ),
    "query_read": pattern(
        rf"^(?:and\s+)?{I_READ}(?:\s+(?:carefully|thoroughly|completely|well|again|in\s+details?|in\s+depth|with\s+(?:care|diligence|"
        r"patience|interest|attention)))*"
        r"(?:\s*[,.!:;…\-–—]+\s*|\s+(?:and|but|so)\s+(?=(?:I|from|as|it|in|the|this|that|there|here|your|you|my|we|according|based|after)\b)(?!(?:the|your)\s+(?:\w+\s+)?(?:photo(?:graph)?s?|pictures?|images?|x-?rays?|reports?|scans?)\s+(?:you\s+)?(?:attached|sent|uploaded|posted|provided|shared)\b)|"
        r"\s+(?=(?:I|Let)\s)|\s+(?=(?-i:[A-Z][a-z])))"
    ),
    "query_read_and": pattern(
        rf"^{I_READ}(?:\s+(?:carefully|thoroughly|completely|well|again|with\s+\w+))*\s+and\s+(?=(?:would|will|want|can|could|think|feel|"
        r"suggest|advise|recommend|understand|see)\b)"
    ),
    "query_read_about": pattern(
        rf"^{I_READ}(?!\s+that\s+(?:is|are|was|were)\b)\s+(?:about|for|regarding|related\s+to|as|with\s+regards?|over|on|of|that|since|because|given|due|in)\b"
        rf"(?:(?!\b(?:but|however|I|which|show\w*)\b|(?:,|\sand)\s+(?:it|they|this|these|most)\s)[^.!?:\n]){{0,140}}?(?:[.!?]\s*|{_FINDS})"
    ),
    "query_read_short": pattern(
        r"^(?:and\s+)?I\s+(?:have\s+|had\s+|just\s+|carefully\s+)*(?:gone\s+through|went\s+through|read(?:\s+through)?|reviewed|noted|studied|viewed|"
        r"seen|saw|understood|understand)\s+(?:(?:all|the|your|attached)\s+)*(?:your|the|attached)\s+"
        rf"(?:(?!\b(?:it|they|is|are|was|found|show\w*|but|which)\b)[^.!?\n,]){{1,64}}?(?:[.!?]\s*|{_FINDS})"
    ),
    "having_read": pattern(
        r"^(?:thereafter\s+|after\s+|on\s+|by\s+|upon\s+)+(?:going|reading|reviewing|looking|analy[sz]ing|seeing|studying)\s+(?:through\s+|at\s+|into\s+)?"
        rf"(?:(?:all|the|your|ur)\s+){{1,3}}{READ}\b(?:\s+and\s+(?:(?:the|your)\s+)?{READ})?\s*(?:(?:that\s+)?(?:(?:was|were|have|has)\s+)?(?:you\s+)?"
        r"(?:sent|provided|attached|uploaded|shared|mentioned|given)(?:\s+by\s+you)?\s*)?(?:(?:very\s+)?(?:carefully|thoroughly|in\s+details?)\s*)?,?\s*(?=I\b|it|you\b|my\b|this\b|there\b)"
    ),
    "help_offer": pattern(
        r"^(?:as\s+an?\s+(?:[\w-]+\s+){0,4}(?:assistant|ai|(?:language\s+)?model),?\s+)?(?:and\s+)?"
        r"(?:I\s+would\s+like\s+(?:you\s+to\s+know|to\s+(?:tell|assure|inform)\s+you)\s+that\s+)?"
        r"I(?:['’]d|['’]ll|['’]m|\s+would|\s+will|\s+am)(?:\s+be)?\s+(?:happy|glad|pleased|delighted|here|trying|try(?:\s+my\s+best)?)"
        r"\s+to\s+(?:help|assist|answer|guide)"
        r"(?:\s+(?:you|with|that|this|out|regarding|today|your|question|query|in|the|matter|as|best|much|can|i)\b)*[\s]*[,.!:]+\s*"
    ),
    "best_try": pattern(
        r"^(?:and\s+)?I\s+(?:will|would|shall|am\s+going\s+to)\s+(?:try(?:\s+my\s+best)?|do\s+my\s+best)\s+to\s+(?:help|answer|explain|provide|give|guide|"
        r"assist|clear|solve|address)\b[^.!?\n]{0,110}[.!?]\s*"
    ),
    "best_try_phrase": pattern(
        r"^(?:and\s+)?I\s+(?:will|would|shall|am\s+going\s+to)\s+(?:try(?:\s+my\s+best)?|do\s+my\s+best)\s+to\s+(?:help|answer|guide|assist)"
        r"(?:\s+(?:you|your|the|with|in|this|query|question|queries|questions|concern|concerns)\b)+[\s.,]*"
    ),
    "sympathy": pattern(
        rf"^{_BEFORE}(?:(?:i\s+am|i['’]?m|am|we\s+are|it\s+is|it['’]?s|i\s+feel)\s+)?(?:(?:so|very|really|extremely|truly|deeply)\s+)*"
        r"(?:sorry|sad|saddened)\s+(?:to\s+(?:hear|know|learn|read|see)|for\s+(?:your|what|the|his|her|all)|about|"
        r"that\s+(?:(?:you|he|she|they)|your\s+(?:[\w-]+\s+){0,2}?[\w-]+)\s+(?:has|have|had|is|are|was|were)\s+(?:been\s+)?(?:unable|suffering|going\s+through|"
        r"struggling|troubled|bothered|ill|unwell|in\s+(?:\w+\s+){0,3}pain|not\s+(?:feeling|sleeping|able)))\b"
        rf"(?:(?!{_SAYS})[^.!?\n,;:]){{0,100}}[.!?]+\s*"
    ),
    "sympathy_understood": pattern(
        rf"^{_BEFORE}i\s+(?:(?:can|could|do|really|totally|completely|fully|very|well|truly|certainly)\s+)*(?:understand|imagine|(?<=can\s)feel|see|sympathi[sz]e\s+with)\s+"
        rf"(?:that|how|what|why|your|the)\s+(?:(?!{_SAYS})[^.!?\n,;:]){{0,60}}?\b{_FEELS}\b(?:(?!{_SAYS})[^.!?\n,;:]){{0,80}}"
        r"(?:[.!?]+\s*|\s*,?\s+(?:and|but)\s+(?=(?:it|this|these|there|here|most)\s))|"
        rf"^{_BEFORE}i\s+(?:(?:can|do|well|really)\s+)*(?:know|understand|imagine|reali[sz]e)\s+(?:that\s+|how\s+)?[^.!?\n,;:]{{2,50}}?\s(?:may|can|must|might|could)\s+be\s+"
        r"(?:(?:very|so|quite|really|extremely|rather)\s+)*(?:distressing|frustrating|stressful|upsetting|worrying|exhausting|scary|annoying|disturbing|tiring)"
        r"(?:\s+(?:for|to)\s+(?:you|live\s+with|deal\s+with|bear))?[.!?]+\s*|"
        rf"^{_BEFORE}i\s+(?:can\s+)?(?:(?:well|really|very)\s+)*(?:know|understand|imagine|reali[sz]e)\s+how\s+(?:\w+ing|hard|difficult|tough|painful|stressful|exhausted)\s+"
        rf"(?:it|this|that)\s+(?:is|was|(?:must|can|may|might|would|will)\s+(?:be|feel))(?:\s+(?:for|to|when|if|with|that)\b(?:(?!{_SAYS})[^.!?\n,;:]){{0,100}})?[.!?]+\s*"
    ),
    "announcement": pattern(
        r"^(?:here\s+(?:is|are)|(?:following|below)\s+(?:is|are)|let\s+me\s+(?:give|answer|address))\s+"
        r"(?:(?:certain|some|few|a|the|my|points?|of|brief|on|to|for|you|your|following)\s+)*"
        r"(?:advi[cs]es?|suggestions?|opinions?|thoughts?|answers?|recommendations?|explanations?|comments?|quer(?:y|ies)|questions?|concerns?|reply)\b"
        r"(?:\s+(?:to|for|on|regarding|about|that|which|i|you|your|would|like|can|give|quer(?:y|ies)|questions?|concerns?|this|the|case|as|follows?|below|in|"
        r"points?|one|by|via|some|bullets|make|things|easier|easy|understand)\b)*\s*[.:!]+\s*(?=\S)"
    ),
    "opinion_follows": pattern(
        r"^(?:based\s+on|according\s+to|as\s+per|after\s+(?:reading|reviewing)|regarding|for)\s+(?:(?:the|your|above|mentioned|provided)\s+)+"
        rf"{READ}(?:\s+and\s+(?:the\s+|your\s+)?\w+)?\s*,?\s*(?:my|the)\s+(?:opinions?|suggestions?|comments?|advi[cs]es?|answers?)\s+(?:is|are)\s*(?:as\s+follows?|the\s+following)?\s*[:.]+\s*(?=\S)"
    ),
    "regarding": pattern(
        r"^(?:(?:as\s+)?regarding|concerning|(?:in|with)\s+regards?\s+to|in\s+(?:response|reply|answer)\s+to|coming\s+to)\s+(?:your|ur)\s+"
        r"(?:[a-z]+\s+)?(?:quer(?:y|ies)|questions?|concerns?|[ie]nquir(?:y|ies)|posts?)(?:\s*[,.:;–-]+\s*|"
        r"\s+(?=(?-i:[A-Z][a-z])|(?:i|we|it|you|they|he|she|there|this|that|the|my|no|yes|none|did|do|is|are|like\s+my|as\s+per)\b))"
    ),
    "thanks_for_help_sought": pattern(
        r"^i\s+(?:really\s+|do\s+|truly\s+)*appreciate\s+(?:you|your|that\s+you)\b(?:\s+(?:are|have|for|seeking|taking|asking|help|vigilance|concern|care|"
        r"interest|efforts?|patience|trust|your|his|her|the|mother|father|son|daughter|wife|husband|child|baby|health|in|about|and)\b)*\s*[.!]+\s*"
    ),
    "praise": pattern(
        r"^(?:that(?:['’]s|\s+is)\s+an?\s+|what\s+an?\s+)?(?:great|good|excellent|very\s+good|interesting)\s+question\s*[,.!:]+\s*"
    ),
    "label": pattern(
        r"^(?:(?:brief|short|detailed|quick|full)\s+(?:answer|reply|response|explanation)s?\s*[.:\-–]+|(?:answer|ans|reply|response)\s*:)\s*"
    ),
    # Of "Welcome to somewhere.com" or "Welcome to Ask Doctors".
    "domain_rest": pattern(
        rf"^(?:doctors\s*[.]\s*)?com\b(?:\s*[.,!:]+\s*|\s+(?=[a-z]))|^doctors(?:\s*[.!]+\s*|\s*,\s*(?=(?:i|your?|thanks?|welcome|hi|hello)\b)|"
        rf"\s+(?=(?-i:(?!I\b){STARTS}\b)|thanks?\b|welcome\b|hi\b|hello\b|I\s+(?:understand|can\s+understand|have\s+(?:gone|read|reviewed))\b))"
    ),
    "read_short": pattern(rf"^(?:(?:went|gone)\s+through|got|read)\s+(?:all\s+)?(?:your|the)\s+{READ}\s*[,.!:;]+\s*"),
    "tell_you": pattern(
        r"^(?:first(?:ly)?(?:\s+of\s+all)?,?\s+)?I\s+(?:would|want|wish|have)\s+(?:like\s+)?to\s+(?:tell|inform|explain)\s+(?:to\s+)?(?:you\s+)?that,?\s+(?=\w)"
    ),
    "poster": pattern(r"^(?:original|same)\s+poster\s+here[\s,.:;–-]*"),
    "certainly": pattern(r"^(?:certainly|sure|of\s+course|absolutely)\s*!+\s*"),
}

# By their first letter, since most answers begin with none of them: 1 us a row instead of 10.
LETTERS = {
    "displaced_blank": "h",
    "dear_name": "hgnrd",
    "greeted_name": "hd",
    "greeting": "hgnr",
    "dear": "d",
    "address": "smpdb",
    "thanks_to_name": "mt",
    "thanks": "mt",
    "thanks_alone": "mt",
    "welcome": "avymwn",
    "welcome_elsewhere": "w",
    "introduction": "itm",
    "query_read": "ai",
    "query_read_and": "ai",
    "query_read_about": "ai",
    "query_read_short": "ai",
    "having_read": "taobu",
    "help_offer": "ai",
    "best_try": "ai",
    "best_try_phrase": "ai",
    "sympathy": "isafvr",
    "sympathy_understood": "isaf",
    "announcement": "hfbl",
    "opinion_follows": "barf",
    "regarding": "raciw",
    "thanks_for_help_sought": "i",
    "praise": "twgevi",
    "label": "bsdqfar",
    "domain_rest": "cd",
    "read_short": "wgr",
    "tell_you": "if",
    "poster": "os",
    "certainly": "csoa",
}
STRAY = re.compile(r"(?![AaIiOoUu])[A-Za-z] (?=(?i:hello|hi|hey|dear|greetings)\b)")
"""A letter that got in before a greeting: "Z Hello"."""
LEADING_AND = pattern(r"^(?:and|but),?\s+(?=\S)")
"""What is left of "I read your query and it is mould", or joins the first sentence to a courtesy that went."""
FREE = frozenset(
    OPENINGS[rule] for rule in ("best_try", "query_read_about", "query_read_short", "sympathy", "sympathy_understood")
)
"""They take words that no list holds, so they must not take a sentence that says something."""
PUNCTUATION = [OPENINGS["punctuation"]]
RULES_BY_LETTER = {
    letter: [OPENINGS[rule] for rule, letters in LETTERS.items() if letter in letters]
    for letter in "abcdefghijklmnopqrstuvwxyz"
}

LETTERHEAD = re.compile(
    r"^(?:(?:[A-Z][\w&'’-]*|of|and|for|the|&)\s+){0,5}?(?:[Vv]irtual\s+)?"
    r"(?:Clinics?|Hospitals?|Department|Dept\.?|Cent(?:re|er)|Institute|Division|Team|Helpdesk|Support|Consultancy)"
    r"(?:\s+(?:of|for)(?:\s+(?:[A-Z][\w-]*|and|&)){1,5})?(?:\s*,\s*[A-Z][\w'’-]*(?:\s+(?:[A-Z][\w'’-]*|of|and)){0,4}){0,3}"
    r"\s*(?:[.:!\n]|\s[-–—]\s)\s*(?=\S)"
)
"""Who writes, before the first sentence: "Department of Ferns, North Hospital."; every word of it a name."""
SEPARATORS = " .:!\n-–—"
GLUED_BRAND = re.compile(rf"{BRAND}(?=[A-Z][a-z]|I\s)")
BRAND_END = pattern(rf"{BRAND}(?:\s+(?:forum|team|community|here|clinic))*{END}")
