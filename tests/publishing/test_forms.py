"""What was pushed is what its card says: both forms of the adapter, downloaded again and loaded by the card's own code."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import snapshot_download

from job.exporting.agreement import _same
from job.exporting.lora import write_lora
from job.modeling.nf4 import stay_differentiable
from job.publishing.stage import push
from job.results import ExportedFile
from tests.conftest import WRITE_TOKEN
from tests.exporting.conftest import make_source
from tests.publishing.test_cards import code_of, section
from tests.sample_results import CLEANED, EXPORTED, PROBED, run_settings
from tests.standin_hub import StandInHub


@pytest.mark.usefixtures("client")
def test_both_forms_answer_as_the_tuned_model_did(run: Path, hub: StandInHub, base: Path, tmp_path: Path) -> None:
    for folder in ("adapter", "lora"):
        shutil.rmtree(run / folder, ignore_errors=True)
    source = make_source(base, run / "adapter")
    write_lora(source, run / "lora")
    names = {folder: sorted(path.name for path in (run / folder).iterdir()) for folder in ("adapter", "lora")}
    probed = PROBED.model_copy(update={"adapter_files": names["adapter"]})
    exported = EXPORTED.model_copy(update={"lora_files": [ExportedFile(path=f"lora/{name}") for name in names["lora"]]})
    settings = run_settings(str(base), repo_id="alice/adapter")
    push(CLEANED, source.trained, probed, exported, settings, token=WRITE_TOKEN, root=run)

    folder = snapshot_download("alice/adapter", token=WRITE_TOKEN)
    card = section((Path(folder) / "README.md").read_text("utf-8"), "How to load it")
    lora, with_embedding = code_of(card)
    sizes = []
    for code in (lora, with_embedding):
        here = re.sub(r"path/to/[^\"]*", str(base), code).replace('"alice/adapter"', repr(folder))
        names_: dict[str, Any] = {}
        exec(here, names_)  # noqa: S102
        model = names_["model"]
        stay_differentiable(model)
        counted = [_same(model, said.prompt, said.answer, 1.0) for said in source.said]
        assert all(same == total for same, total in counted)
        assert len(names_["tokenizer"]) == model.get_input_embeddings().weight.shape[0]
        sizes.append(len(names_["tokenizer"]))
    assert sizes[1] == sizes[0] + 1
