"""The published notebook's calls: stock TRL, PEFT and bitsandbytes. What the speed bench compares with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def seed_trainer(
    base: Path,
    rows: list[list[int]],
    scratch: Path,
    callback: Any,
    *,
    targets: Sequence[str],
    batch: int,
    micro_batch: int,
    warm_up: int,
    log_steps: int,
) -> Any:
    """A trainer on `rows` of token ids. `batch` rows are a step, in micro-batches of `micro_batch`."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
    from trl import SFTConfig, SFTTrainer

    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.add_special_tokens({"pad_token": "<pad>"})
    model = AutoModelForCausalLM.from_pretrained(
        base,
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.float16,
        ),
        device_map={"": 0},
    )
    model.resize_token_embeddings(len(tokenizer))
    model = prepare_model_for_kbit_training(model)
    torch.manual_seed(42)
    model = get_peft_model(
        model,
        LoraConfig(r=16, lora_alpha=32, lora_dropout=0.05, target_modules=list(targets), task_type="CAUSAL_LM"),
    )
    return SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(scratch),
            num_train_epochs=1,
            per_device_train_batch_size=micro_batch,
            gradient_accumulation_steps=batch // micro_batch,
            learning_rate=2e-4,
            warmup_steps=warm_up,
            lr_scheduler_type="constant_with_warmup",
            fp16=False,
            bf16=False,
            gradient_checkpointing=True,
            logging_steps=log_steps,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            seed=42,
            data_seed=42,
            max_length=None,
            dataset_kwargs={"skip_prepare_dataset": True},
        ),
        train_dataset=Dataset.from_dict({"input_ids": rows, "labels": rows}),
        processing_class=tokenizer,
        callbacks=[callback],
    )
