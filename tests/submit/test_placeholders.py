"""Each YOUR_... of a manifest is listed with its lines and what to replace it with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from job.submit import TARGETS
from job.submit.placeholders import MEANINGS, notes
from job.submit.submission import Submission
from tests.submit.manifests import FILES, WITH_HOSTS, everything, made, together, written

pytestmark = pytest.mark.light


def test_a_note_names_every_line() -> None:
    text = "a: YOUR_BUCKET\nb: x\nc: gs://YOUR_BUCKET/YOUR_SECRET_ARN\nd: YOUR_SECRET\n"
    assert list(notes(text)) == [
        f"replace YOUR_BUCKET (line 1, 3): {MEANINGS['YOUR_BUCKET']}",
        f"replace YOUR_SECRET (line 4): {MEANINGS['YOUR_SECRET']}",
        f"replace YOUR_SECRET_ARN (line 3): {MEANINGS['YOUR_SECRET_ARN']}",
    ]


def test_a_placeholder_without_a_meaning_is_listed_too() -> None:
    assert list(notes("a: YOUR_ABACUS\n")) == ["replace YOUR_ABACUS (line 1): a value of yours"]


@everything
def test_each_placeholder_is_listed_once(target: str, file: Path) -> None:
    text = made(target, file) + (written(target, together(file)) if target in WITH_HOSTS else "")
    found = set(re.findall(r"YOUR_[A-Z_]+", text))
    assert found <= set(MEANINGS)
    assert [line.split()[1] for line in notes(text)] == sorted(found)


def test_one_that_only_an_upload_needs_is_listed_too() -> None:
    assert list(notes("a: x\n", "put x YOUR_CONTAINER")) == [
        f"replace YOUR_CONTAINER (in the commands below): {MEANINGS['YOUR_CONTAINER']}"
    ]


def test_every_meaning_belongs_to_a_manifest_or_an_upload(users_job: Submission) -> None:
    texts = "".join(made(target.name, file) for target in TARGETS for file in FILES)
    texts += "".join(written(target, together()) for target in WITH_HOSTS)
    texts += "".join(line for target in TARGETS for line in target.said(users_job))
    assert {name for name in MEANINGS if name not in texts} == set()
