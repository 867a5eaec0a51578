"""Which files a result names."""

from __future__ import annotations

import pytest

from job.results import Trained
from job.runs.files import Facts
from job.runs.named_files import needed_of, paths, without
from tests.sample_results import CLEANED, TRAINED

pytestmark = pytest.mark.light

FILES = ("train/adapter/config.json", "train/candidates/adapter-20.safetensors", "train/log.jsonl", "train/adapters")


def test_a_result_names_files_by_fields_and_by_the_results_in_a_list() -> None:
    assert dict(paths(CLEANED)) == {
        "train_path": "clean/train.jsonl",
        "eval_path": "clean/eval.jsonl",
        "dropped_path": "clean/dropped.jsonl",
    }
    assert list(paths(TRAINED)) == [
        ("adapter_path", "train/adapter"),
        ("candidates", "train/candidates/adapter-10.safetensors"),
        ("candidates", "train/candidates/adapter-20.safetensors"),
        ("log_path", "train/log.jsonl"),
    ]


def test_what_a_result_hands_on_and_what_only_the_report_reads() -> None:
    assert without(TRAINED, Trained.handed_on, FILES) == ["train/log.jsonl", "train/adapters"]
    facts = {name: Facts(bytes=1, sha256="") for name in FILES}
    assert list(needed_of(TRAINED, facts)) == [name for name in FILES if name != "train/log.jsonl"]
