"""The longest time that one row takes, over rows that are as long as a row may be and as awkward as we know.

    python -m tests.bench.clean_rows                 99,000 characters, every pack
    python -m tests.bench.clean_rows --characters 20000 --slowest 20

CPU time of one process, once with each pack alone and once with all.
"""

from __future__ import annotations

import argparse
import sys
import time

from job.cleaning.rules import Rules, clean_batch
from job.cleaning.rules.shape import MOST_CHARACTERS
from tests.cleaning.awkward_texts import PARTS, awkward

PACKS = ((), ("qa-forum",), ("wiki",), ("escapes",), ("qa-forum", "wiki", "escapes"))
QUESTION = "Why are the leaves of my fern yellow?"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--characters", type=int, default=MOST_CHARACTERS - 1000)
    parser.add_argument("--parts", help="only texts whose part holds this")
    parser.add_argument("--slowest", type=int, default=10)
    options = parser.parse_args()
    found = []
    for packs in PACKS:
        rules = Rules(packs=packs, brands=("LeafTalk",), min_answer_words=1, max_words=10**6)
        clean_batch([{"question": QUESTION, "answer": "Water it."}], rules)
        for part, text in zip(PARTS, awkward(options.characters), strict=True):
            if options.parts and options.parts not in part:
                continue
            for row in ({"question": QUESTION, "answer": text}, {"question": text, "answer": "Water it."}):
                begun = time.process_time()
                _, (reason,) = clean_batch([row], rules)
                field = "answer" if row["answer"] == text else "question"
                found.append((time.process_time() - begun, "+".join(packs) or "contacts alone", field, part, reason))
    print(f"{len(found)} rows of {options.characters:,} characters\n")
    print("| seconds | packs | field | part | dropped |\n|---:|---|---|---|---|")
    for seconds, packs, field, part, reason in sorted(found, reverse=True)[: options.slowest]:
        print(f"| {seconds:.2f} | {packs} | {field} | {part!r} | {reason} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
