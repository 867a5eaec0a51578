"""Whether a form says what the tuned model said: a fresh process loads it as its users do, and reads the probe's answers in it.

`python -m job.exporting.agreement REQUEST.json` is that process. It computes each answer in one forward pass, and counts the
tokens that the form would have said in that place too. All of an answer's tokens are counted exactly where the form gives that
very answer; elsewhere one close call does not make all tokens that follow count as different.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, RepetitionPenaltyLogitsProcessor

from job.errors import JobError
from job.exporting.source import Source
from job.modeling.chat import QUESTION, SYSTEM, Chat
from job.modeling.fresh import OUR_FAULT, fresh_process
from job.modeling.nf4 import stay_differentiable
from job.results import Agreement


def agreement_of(
    source: Source,
    folder: Path,
    code: str,
    variable: str,
    least_share: float,
    *,
    spread: bool = False,
    memory_bytes: int = 0,
) -> Agreement:
    """`code`: with which users load the form, `variable`: the name that it gives to `folder`. `spread`: where one card does not
    hold it, over all. `memory_bytes`: where the model does not fit into memory, what it may take; the rest of it is then read
    from the disk as it is needed.

    Raises JobError (1) if fewer than `least_share` of the tokens are the same, or the tokenizer writes another prompt.
    """
    chat = Chat(AutoTokenizer.from_pretrained(source.adapter, trust_remote_code=False))
    request = {
        "code": code,
        "variable": variable,
        "folder": str(folder.absolute()),
        "said": [said.model_dump() for said in source.said],
        "repetition_penalty": source.repetition_penalty,
        "messages": chat.messages(SYSTEM, QUESTION),
        "options": chat.options,
        "memory_bytes": memory_bytes,
    }
    name = folder.name.removesuffix(".partial")
    answer = fresh_process("job.exporting.agreement", request, {}, folder, f"{name}/", spread=spread)
    if answer["prompt"] != chat.prompt_ids(SYSTEM, QUESTION):
        raise JobError(
            f"The tokenizer in {name}/ writes another prompt than the one that training used.",
            remedy=f"{OUR_FAULT}. FINETUNE_EXPORT without {name} goes on without this form.",
        )
    counted: list[tuple[int, int]] = answer["answers"]
    found = Agreement(
        answers=len(counted),
        same_answers=sum(same == total for same, total in counted),
        tokens=sum(total for _, total in counted),
        same_tokens=sum(same for same, _ in counted),
        least_share=least_share,
    )
    if found.same_tokens < least_share * found.tokens:
        raise JobError(
            f"{name}/ is not the tuned model: of {found.tokens:,} tokens in {found.answers} answers of the probe it would "
            f"have said {found.same_tokens:,} ({found.same_tokens / found.tokens:.1%}), fewer than {least_share:.0%}. Either "
            f"the base model in {source.files.folder} is not the one that was trained on, or a file is damaged.",
            remedy=f"Check the base model and the disk, and start again. FINETUNE_EXPORT without {name} goes on without this "
            "form.",
        )
    return found


def main(request_path: str) -> None:
    request = json.loads(Path(request_path).read_text("utf-8"))
    names: dict[str, Any] = {request["variable"]: request["folder"]}
    if request["memory_bytes"]:
        names |= _from_the_disk(request)
    else:
        exec(request["code"], names)  # noqa: S102  the very text that users get
    model, tokenizer = names["model"], names["tokenizer"]
    stay_differentiable(model)  # not the kernel that rounds to bfloat16: the probe did without it
    prompt = tokenizer.apply_chat_template(
        request["messages"], add_generation_prompt=True, tokenize=False, **request["options"]
    )
    answers = [
        _same(model, said["prompt"], said["answer"], request["repetition_penalty"])
        for said in request["said"]
        if max(said["prompt"] + said["answer"]) < model.get_input_embeddings().weight.shape[0]
    ]
    print(json.dumps({"answers": answers, "prompt": tokenizer(prompt, add_special_tokens=False)["input_ids"]}))


def _from_the_disk(request: dict[str, Any]) -> dict[str, Any]:
    folder = request["folder"]
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype="auto",
        device_map="auto",
        max_memory={"cpu": request["memory_bytes"]},
        offload_folder=str(Path(request["expected"]).parent),
    )
    return {"model": model.eval(), "tokenizer": AutoTokenizer.from_pretrained(folder)}


@torch.no_grad()
def _same(model: Any, prompt: list[int], answer: list[int], penalty: float) -> tuple[int, int]:
    """(tokens of the answer that are as likely as any other in their place, all of its tokens)."""
    device = "cpu" if model.device.type == "meta" else model.device  # weights that stay on the disk are on no device
    ids = torch.tensor([prompt + answer], device=device)  # (1, T)
    logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits[0, len(prompt) - 1 : -1]
    if penalty != 1:
        punish = RepetitionPenaltyLogitsProcessor(penalty)
        ends = range(len(prompt), ids.shape[1])
        rows = (punish(ids[:, :end], logits[place : place + 1].float()) for place, end in enumerate(ends))
        logits = torch.cat(list(rows))
    logits = logits.float().cpu()
    said = logits.gather(1, torch.tensor(answer).unsqueeze(1)).squeeze(1)
    return int((said >= logits.max(dim=1).values).sum()), len(answer)


if __name__ == "__main__":
    main(sys.argv[1])
