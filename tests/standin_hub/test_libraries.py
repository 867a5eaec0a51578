"""The libraries above the client: datasets and transformers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.standin_hub import StandInHub
from tests.standin_hub.clients import (
    JSONL,
    READER,
    ROWS,
    WRITER,
    parquet,
    run_python,
)


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_load_dataset_reads_a_revision(hub: StandInHub, tmp_path: Path, kind: str) -> None:
    data = JSONL if kind == "jsonl" else parquet(tmp_path)
    oid = hub.add_repo("dataset", "alice/rows", {f"data/train.{kind}": data})
    hub.add_commit("dataset", "alice/rows", {f"data/train.{kind}": b"broken"})
    code = f"""
import json, datasets
rows = datasets.load_dataset("alice/rows", split="train", revision={oid!r})
print(json.dumps(list(rows)))
"""
    assert json.loads(run_python(hub, code, tmp_path / "home")) == ROWS


def test_load_dataset_reads_a_private_one_with_a_token_that_no_variable_holds(hub: StandInHub, tmp_path: Path) -> None:
    """The job takes HF_TOKEN out of its environment, so that its children do not have it."""
    hub.add_repo("dataset", "alice/rows", {"train.jsonl": JSONL}, private=True)
    code = f"""
import json, datasets
rows = datasets.load_dataset("alice/rows", split="train", token={WRITER!r})
print(json.dumps(list(rows)))
"""
    assert json.loads(run_python(hub, code, tmp_path / "home")) == ROWS


def test_what_load_dataset_raises(hub: StandInHub, tmp_path: Path) -> None:
    hub.add_repo("dataset", "alice/rows", {"train.jsonl": JSONL})
    hub.add_repo("dataset", "meta/gated", {"train.jsonl": JSONL}, gated=True)
    code = """
import json, datasets
seen = {}
for case, name, options in [
    ("unknown", "alice/missing", {}),
    ("unknown, anonymous", "alice/missing", {"token": False}),
    ("gated", "meta/gated", {}),
    ("gated, anonymous", "meta/gated", {"token": False}),
    ("unknown revision", "alice/rows", {"revision": "nowhere"}),
    ("bad token", "alice/rows", {"token": "hf_wrong"}),
]:
    try:
        datasets.load_dataset(name, split="train", **options)
    except Exception as error:
        seen[case] = [type(error).__name__, str(error)]
print(json.dumps(seen))
"""
    seen = json.loads(run_python(hub, code, tmp_path / "home", READER))
    bad = seen.pop("bad token")
    assert bad[0] == "HfHubHTTPError"
    assert "Invalid credentials" in bad[1]
    assert {name for name, _ in seen.values()} == {"DatasetNotFoundError"}
    expected = {
        "unknown": "doesn't exist on the Hub or cannot be accessed",
        "unknown, anonymous": "doesn't exist on the Hub or cannot be accessed",
        "gated": "is a gated dataset on the Hub. Visit the dataset page",
        "gated, anonymous": "is a gated dataset on the Hub. You must be authenticated",
        "unknown revision": "Revision 'nowhere' doesn't exist",
    }
    assert {case: part in seen[case][1] for case, part in expected.items()} == dict.fromkeys(expected, True)


@pytest.mark.slow
def test_transformers_loads_a_configuration_and_a_tokenizer(hub: StandInHub, tmp_path: Path) -> None:
    import tokenizers

    words = tokenizers.models.WordLevel({"[UNK]": 0, "hello": 1, "hub": 2}, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(words)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    files = {
        "config.json": b'{"model_type": "llama", "hidden_size": 32}',
        "tokenizer.json": tokenizer.to_str().encode(),
        "tokenizer_config.json": b'{"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]"}',
    }
    hub.add_repo("model", "alice/base", files, private=True)
    code = """
from transformers import AutoConfig, AutoTokenizer
config, tokenizer = AutoConfig.from_pretrained("alice/base"), AutoTokenizer.from_pretrained("alice/base")
print(config.hidden_size, tokenizer("hello hub")["input_ids"])
"""
    assert run_python(hub, code, tmp_path / "home", WRITER) == "32 [1, 2]"
