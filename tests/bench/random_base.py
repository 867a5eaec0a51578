"""What the benches work on: a random base of Llama 3.2 3B's shape, and rows of the published recipe's lengths.

`python -m tests.bench.random_base FOLDER` makes the base, 6.4 GB in two files: in a minute, with a GPU or without.
"""

from __future__ import annotations

import json
import math
import random
import sys
from pathlib import Path


def make_base(folder: Path) -> None:
    """A random base of Llama 3.2 3B's shape, its tokenizer the quickstart's with names added up to 128,256 tokens."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    quickstart = Path(__file__).resolve().parents[2] / "job" / "quickstart" / "base"
    folder.mkdir(parents=True)
    for file in quickstart.iterdir():
        if file.suffix in (".json", ".jinja") and file.name != "config.json":
            (folder / file.name).write_bytes(file.read_bytes())
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    vocabulary = tokenizer["model"]["vocab"]
    for number in range(max(vocabulary.values()) + 1, 128_256):
        vocabulary[f"¤{number}"] = number
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    named = AutoTokenizer.from_pretrained(folder)
    config = LlamaConfig(
        vocab_size=128_256,
        hidden_size=3072,
        intermediate_size=8192,
        num_hidden_layers=28,
        num_attention_heads=24,
        num_key_value_heads=8,
        head_dim=128,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
        rope_theta=500_000.0,
        rms_norm_eps=1e-5,
        bos_token_id=named.bos_token_id,
        eos_token_id=named.eos_token_id,
    )
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = LlamaForCausalLM(config)
    model.save_pretrained(folder, max_shard_size="4GB")


def make_rows(count: int, longest: int) -> list[list[int]]:
    """Token ids: 2,000 different ones, the frequent ones far more often, so that there is something to learn."""
    numbers = random.Random(7)
    tokens = range(1000, 3000)
    weights = [1 / (rank + 3) for rank in range(len(tokens))]
    scale = longest / 512
    lengths = [min(longest, max(78, round(numbers.lognormvariate(math.log(242), 0.40) * scale))) for _ in range(count)]
    return [numbers.choices(tokens, weights, k=length) for length in lengths]


if __name__ == "__main__":
    make_base(Path(sys.argv[1]))
