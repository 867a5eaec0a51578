"""Make the quickstart: pretrain the tiny base model from scratch, and write rows, questions and system prompt.

Run `python -m job.quickstart.make_base [--out FOLDER] [--steps N] [--rows N]`. All texts come from `texts.py`, and the seed
is fixed. It prints the loss, and takes a few minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from itertools import islice
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from job.quickstart.texts import SYSTEM_PROMPT, assistant_chats, care_sheets, forum_rows, probe_questions

SEED = 7
VOCABULARY = 1024
BATCH = 32
PEAK_LEARNING_RATE = 3e-3
BEGIN, HEADER, HEADER_END, END, SPARE = SPECIALS = (
    "<|begin_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|finetune_right_pad_id|>",  # spare: no text contains it
)
CHAT_TEMPLATE = (
    "{{- bos_token }}"
    "{%- for message in messages %}"
    "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + (message['content'] | trim) + '<|eot_id|>' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}"
)
CARD = """---
license: apache-2.0
library_name: transformers
---
A tiny Llama that was pretrained from scratch on texts about house plants, all of them made by `job/quickstart/texts.py`.
It opens its answers with filler, so that the quickstart has something to take away. Made by
`python -m job.quickstart.make_base`.
"""


def make_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=list(SPECIALS), initial_alphabet=alphabet, show_progress=False
    )
    raw.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, bos_token=BEGIN, eos_token=END)
    tokenizer.add_special_tokens({"additional_special_tokens": [HEADER, HEADER_END, SPARE]})
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """About 1.1 million parameters; all widths are multiples of 64, NF4's block."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=5,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    torch.manual_seed(SEED)
    return LlamaForCausalLM(config)


def pretraining_texts(tokenizer: PreTrainedTokenizerFast, count: int) -> list[str]:
    """Half care sheets, half chats in the chat template, four in five of them with the job's system prompt."""
    random_numbers = random.Random(SEED)
    sheets = [f"{BEGIN}{sheet}{END}" for sheet in islice(care_sheets(random_numbers), count // 2)]
    chats = []
    for question, answer in islice(assistant_chats(random_numbers), count - len(sheets)):
        turns = [{"role": "system", "content": SYSTEM_PROMPT}] if random_numbers.random() < 0.8 else []
        turns += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        chats.append(tokenizer.apply_chat_template(turns, tokenize=False))
    texts = sheets + chats
    random_numbers.shuffle(texts)
    return texts


def pretrain(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, steps: int) -> float:
    """Next-token prediction over whole texts; returns the mean loss of the last 50 steps."""
    texts = pretraining_texts(tokenizer, steps * BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LEARNING_RATE, betas=(0.9, 0.95), weight_decay=0.01)
    losses: list[float] = []
    started = time.monotonic()
    for step in range(steps):
        share = step / steps
        rate = PEAK_LEARNING_RATE * min(1.0, (step + 1) / 50) * (0.5 * (1 + math.cos(math.pi * share)) * 0.95 + 0.05)
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = tokenizer(texts[step * BATCH : (step + 1) * BATCH], add_special_tokens=False)["input_ids"]
        width = max(map(len, batch))
        ids = torch.tensor([row + [0] * (width - len(row)) for row in batch])  # (B, T)
        labels = torch.tensor([row + [-100] * (width - len(row)) for row in batch])
        mask = (labels != -100).long()
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if step % 50 == 0:
            print(f"step={step} loss={losses[-1]:.4f} seconds={time.monotonic() - started:.0f}", flush=True)
    return sum(losses[-50:]) / len(losses[-50:])


def write_rows(out: Path, count: int) -> None:
    rows = forum_rows(random.Random(SEED), count)
    (out / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (out / "questions.txt").write_text("\n".join(probe_questions()) + "\n", "utf-8")
    (out / "system_prompt.txt").write_text(SYSTEM_PROMPT + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--steps", type=int, default=400, help="optimizer steps of pretraining; 0 makes no model")
    parser.add_argument("--rows", type=int, default=480)
    args = parser.parse_args()
    write_rows(args.out, args.rows)
    if not args.steps:
        return
    random_numbers = random.Random(SEED)
    plain = list(islice(care_sheets(random_numbers), 1500))
    talk = [f"{q}\n{a}" for q, a in islice(assistant_chats(random_numbers), 1500)]
    forum = [f"{row['input']}\n{row['output']}" for row in forum_rows(random_numbers, 300)]
    tokenizer = make_tokenizer(plain + talk + forum)
    model = make_model(tokenizer)
    print(f"parameters={model.num_parameters():,} vocabulary={len(tokenizer)}")
    loss = pretrain(model, tokenizer, args.steps)
    folder = args.out / "base"
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.to(torch.float16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for path in folder.iterdir():
        path.chmod(0o644)  # safetensors writes 0600, which the image's user could not read
    (folder / "README.md").write_text(CARD, "utf-8")
    print(f"final_loss={loss:.4f} folder={folder}")


if __name__ == "__main__":
    main()
