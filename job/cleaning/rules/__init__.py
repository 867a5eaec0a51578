"""The cleaning rules: `clean_batch(rows, rules)` runs them on rows, in any process and under any engine.

    registry     every rule and every other reason to drop a row, in order: what report, audit, hints and hash follow from
    rule         what a rule is, what it works on, what it did
    cleaner      walks a row through the registry
    digest       the hash of the rule set
    signs        what must be there for a costly pattern to be tried
    late         patterns that are compiled when a text first meets them
    text, shape, wiki, contacts (with numbers, names), own     a family of rules each
    forum (its words: boilerplate, closings, requests, remarks), brands (its sentences: scrubbed, eaten)   the pack qa-forum

Imports no heavy library.
"""

from job.cleaning.rules.cleaner import clean_batch
from job.cleaning.rules.rule import Rules

__all__ = ["Rules", "clean_batch"]
