"""The cards: valid front matter, what the results say, code that runs, and texts that stay texts."""

from __future__ import annotations

import ast
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from job.probing import scores as registry
from job.probing.scores import SCORES, Score
from job.publishing.cards import SHOWN_ANSWERS, data_card, how_to_ask, model_card
from job.publishing.licences import Licence
from job.results import Estimate, Exported, Sample
from job.settings.fields import DataSettings
from tests.sample_results import (
    ADAPTER_ALONE,
    CLEANED,
    EXPORTED,
    PROBED,
    SAMPLES,
    TRAINED,
    estimate,
    run_settings,
    sample,
    scores,
    verdict,
)


def card(
    base: str = "acme/small-3b",
    samples: list[Sample] = SAMPLES,
    licence: str = "mit",
    quote_rows: bool = False,
    cpu_kernel: dict[str, Any] | None = None,
    exported: Exported | None = None,
    **trained: Any,
) -> str:
    """`cpu_kernel`: fields of RoundTrip, without their beginning."""
    settings = run_settings(base, repo_id="acme/tuned", quote_rows=quote_rows)
    said = {f"cpu_kernel_{name}": value for name, value in (cpu_kernel or {}).items()}
    probed = PROBED.model_copy(update={"round_trip": PROBED.round_trip.model_copy(update=said)})
    return model_card(
        CLEANED, TRAINED.model_copy(update=trained), probed, exported or EXPORTED, samples, settings, Licence(licence)
    )


def section(page: str, heading: str) -> str:
    return page.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def code_of(text: str) -> list[str]:
    return [block.partition("```")[0] for block in text.split("```python\n")[1:]]


class Page(HTMLParser):
    """What a reader's browser gets: the tags, the addresses that it may open, and the text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


def rendered(text: str) -> Page:
    return Page(MarkdownIt("gfm-like").render(text.partition("\n---\n")[2]))


# --- the model card --------------------------------------------------------------------------------------------------


def test_the_front_matter_is_what_the_hub_reads() -> None:
    data = ModelCard(card()).data
    assert (data.base_model, data.base_model_relation) == ("acme/small-3b", "adapter")
    assert (data.license, data.library_name, data.datasets) == ("mit", "peft", ["a/b"])
    assert data.language == ["en"]
    assert data.eval_results
    figures = {result.metric_type: result.metric_value for result in data.eval_results}
    assert figures == {"loss": 1.42, "stopped_share": 1.0}


def test_a_base_model_in_a_folder_has_no_name_on_the_hub() -> None:
    data = ModelCard(card("quickstart", licence="")).data
    assert (data.base_model, data.license) == (None, None)


def test_the_card_begins_with_what_the_run_achieved() -> None:
    text = card().replace("\u00a0", " ")
    assert "# tuned\n\nA LoRA adapter for `acme/small-3b` at commit `feedbeef`, trained on 9,000 cleaned" in text
    assert "On 450 held-out rows, the loss (mean over tokens) went from 2.310 (base model) to 1.420 (−39 %)." in text


def test_the_two_losses_have_names_of_their_own() -> None:
    (loss, *_) = ModelCard(card()).data.eval_results or []
    assert (loss.metric_value, loss.metric_name) == (1.42, "loss of the held-out rows, mean over tokens")
    assert "| loss of the held-out rows, mean over rows | 2.31 |" in card().replace("\u00a0", " ")


def test_a_loss_that_fell_by_less_than_asked_is_not_better() -> None:
    tiny = Estimate(**estimate(tuned=2.31, difference=-0.0002, low=-0.0003, high=-0.0001))
    probed = PROBED.model_copy(update={"verdict": verdict("no better", gain=tiny)})
    text = model_card(CLEANED, TRAINED, probed, EXPORTED, SAMPLES, run_settings(), Licence("mit"))
    assert "| 50 | less than asked |" in text


def test_the_card_says_how_the_verdict_was_found() -> None:
    text = section(card(), "Is it better than the base model?").replace("\u00a0", " ").replace("\u2212", "-")
    assert "**The tuned model is better than the base model.**" in text
    loss = "loss of the held-out rows, mean over rows"
    assert (
        f"| {loss} | 2.31 | 1.42 | -0.890 | -0.950 to -0.830 | must fall by 1.0 %, 0.01 nats at least | 50 | better |"
        in text.splitlines()
    )
    assert "Not measured: general multiple-choice questions answered right (the base model answers at chance)." in text
    assert "the best of 2 checkpoints" in text
    assert "chrf 31.00 to 44.00" in text
    assert "They do not show that what it says is true." in text


def test_a_licence_is_passed_on_with_its_notice() -> None:
    text = card(licence="llama3.2")
    assert ModelCard(text).data.license == "llama3.2"
    assert "Built with Llama." in section(text, "Licence")
    assert "## Licence" not in card()


def test_the_data_card_has_size_sources_and_licence() -> None:
    settings = run_settings(dataset_repo_id="acme/rows")
    data = ModelCard(data_card(CLEANED, PROBED, settings, {})).data.to_dict()
    assert (data["license"], data["license_name"]) == ("other", "as-its-sources")
    assert (data["size_categories"], data["source_datasets"]) == ("1K<n<10K", ["a/b"])
    two = DataSettings(sources="a/b,c/d@main:train")  # type: ignore[arg-type]
    both = settings.model_copy(update={"data": two})
    agreed, apart = {name: Licence("mit") for name in ("a/b", "c/d")}, {"a/b": Licence("mit"), "c/d": Licence()}
    assert ModelCard(data_card(CLEANED, PROBED, both, agreed)).data.license == "mit"
    text = data_card(CLEANED, PROBED, both, apart)
    assert ModelCard(text).data.to_dict()["license_name"] == "as-its-sources"
    assert "those of their sources (a/b: mit, c/d: not named)." in text
    sizes = {
        rows: ModelCard(
            data_card(CLEANED.model_copy(update={"train_rows": rows, "eval_rows": 0}), PROBED, settings, {})
        ).data.to_dict()
        for rows in (999, 1_000, 20_000_000)
    }
    assert [one["size_categories"] for one in sizes.values()] == ["n<1K", "1K<n<10K", "10M<n<100M"]


def test_the_code_of_the_card_is_python() -> None:
    for kernel in ({}, {"error": "no such shape"}):
        blocks = code_of(card(cpu_kernel=kernel))
        assert len(blocks) == 3 + len(kernel)  # of both forms, and how to ask
        for code in blocks:
            ast.parse(code)
        assert blocks[0].startswith('adapter = "acme/tuned"\nimport torch\n')


def test_the_card_loads_lora_into_the_published_base_and_the_embedding_form_into_a_larger_one() -> None:
    text = section(card(), "How to load it").replace("\u00a0", " ")
    lora, embedding = code_of(text)
    assert "resize_token_embeddings" not in lora and "subfolder" not in lora
    assert "resize_token_embeddings(128256," in embedding
    assert embedding.count('adapter, subfolder="with-embedding"') == 2
    assert "Of 16 answers that the tuned model gave after training, it found 16 word for word" in text
    alone = section(card(exported=ADAPTER_ALONE), "How to load it")
    (code,) = code_of(alone)
    assert "resize_token_embeddings(128256," in code
    assert "compared its logits" in alone and "vllm" not in alone


def test_the_lines_for_other_tools_give_the_answers_of_the_probe() -> None:
    """A pipeline samples by itself, vLLM takes the base's tokenizer and chat template, and few ranks."""
    text = section(card(), "How to load it")
    assert '`pipeline("text-generation", model="acme/tuned")(messages, do_sample=False, max_new_tokens=256)`' in text
    vllm = "vllm serve acme/small-3b --tokenizer acme/tuned --enable-lora --max-lora-rank {} --lora-modules tuned=acme/tuned"
    assert f"`{vllm.format(16)}`" in text
    settings = run_settings(repo_id="acme/tuned")
    settings = settings.model_copy(update={"lora": settings.lora.model_copy(update={"r": 48})})
    cleaned = CLEANED.model_copy(update={"thinking_off": True})
    thinking_off = model_card(cleaned, TRAINED, PROBED, EXPORTED, [], settings, Licence("mit"))
    assert vllm.format(64) in thinking_off
    assert 'max_new_tokens=256, tokenizer_encode_kwargs={"enable_thinking": False})`' in thinking_off
    penalty = settings.model_copy(update={"probe": settings.probe.model_copy(update={"repetition_penalty": 1.2})})
    texts = CLEANED.model_copy(update={"texts": CLEANED.train_rows + CLEANED.eval_rows})
    page = model_card(texts, TRAINED, PROBED, EXPORTED, [], penalty, Licence("mit"))
    assert '("The beginning of a text", do_sample=False, max_new_tokens=256, repetition_penalty=1.2)`' in page
    assert '`"temperature": 0, "repetition_penalty": 1.2`' in page
    assert "--temp 0 --repeat-penalty 1.2`" in page
    assert "    repetition_penalty=1.2,\n" in section(page, "How to ask it")
    assert "penalty" not in section(text, "How to load it") + section(card(), "How to ask it")
    assert """ --default-chat-template-kwargs '{"enable_thinking": false}'`""" in thinking_off


def test_without_an_embedding_layer_there_is_one_form() -> None:
    text = section(card(adapter_parts_bytes={"lora": 36_000_000}), "How to load it")
    assert len(code_of(text)) == 1
    assert "with-embedding" not in text


def test_the_cpu_kernel_is_mentioned_where_it_was_compared() -> None:
    assert "AVX512-BF16" not in card()
    assert "a logit then differs by up to 0.069." in card(cpu_kernel={"difference": 0.0687})
    assert "cannot compute this base model (no such shape)." in card(cpu_kernel={"error": "no such shape"})


def test_the_recipe_is_a_table_of_what_was_set_and_chosen() -> None:
    rows = section(card(), "Recipe").replace("\u00a0", " ").splitlines()
    assert "| quantization of the base | bitsandbytes NF4, double quantization; 100 % of linear weights |" in rows
    assert "| precision | float16 (compute capability 7.5 has no bfloat16); adapter float32 |" in rows
    assert "| LoRA | r 16, alpha 32, dropout 0.05, on k_proj, o_proj, q_proj, v_proj |" in rows
    assert "| adapter file | lora 36,000,000 bytes, embedding 4,000,000 bytes |" in rows


def test_a_training_that_the_deadline_ended_says_so_on_its_card() -> None:
    text = card(stopped_early=True, planned_steps=1200, epochs=0.02).replace("\u00a0", " ")
    assert "(0.02 epochs; stopped early, of 1,200 planned)" in text
    assert "stopped early" not in card()


def test_sources_and_reasons_stand_in_the_order_of_the_result() -> None:
    text = section(card(), "Data")
    assert "| a/b@main:train | abc123 | 12,000 | 9,450 |\n\nDropped: short_answer 550, duplicate 2,000." in text
    nothing = CLEANED.model_copy(update={"dropped": {}})
    assert "Dropped: nothing." in data_card(nothing, PROBED, run_settings(dataset_repo_id="acme/rows"), {})


def test_both_models_scores_are_a_table() -> None:
    text = section(card(), "Before and after").replace("\u00a0", " ")
    assert "Greedy answers to 2 questions." in text
    assert "| answers | base | tuned |\n| --- | --- | --- |\n| stops by itself before" in text
    assert "| opens with filler | 96 % | 0 % |\n" in text
    assert "| mean length in tokens | 200 | 90 |\n" in text


def test_a_new_score_is_on_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    new = Score("words", "words an answer", unit="words", better="neither", of=lambda _: 1)
    monkeypatch.setattr(registry, "SCORES", (*SCORES, new))
    probed = PROBED.model_copy(update={"base": scores(words=20), "tuned": scores(words=31)})
    text = model_card(CLEANED, TRAINED, probed, EXPORTED, SAMPLES, run_settings(), Licence())
    assert "| words an answer | 20 | 31 |" in text


def test_questions_and_answers_are_shown_as_they_are() -> None:
    text = card(samples=[sample(question="What\nnow?", base="## Hello\n\n    Dear", tuned="")])
    shown = (
        "Question 1:\n```text\nWhat\nnow?\n```\n\nBase:\n```text\n## Hello\n\n    Dear\n```\n\nTuned:\n```text\n```\n"
    )
    assert shown in text


def test_long_lines_of_an_answer_are_wrapped() -> None:
    text = card(samples=[sample(base="word " * 60 + "x" * 150)])
    shown = text.partition("Base:\n```text\n")[2].partition("\n```")[0].splitlines()
    assert [len(line) for line in shown] == [99, 99, 99, 150]


EVIL = (
    "<script>alert(1)</script>",
    "![x](https://tracker.example/p.png)",
    "[click](javascript:alert(1))",
    "https://tracker.example and www.tracker.example",
    "a | b\n--- | ---\n1 | 2",
    "```\n<b>out</b>\n```",
    "~~~~\n`````text\n<b>out</b>",
    "</code></pre><img src=https://tracker.example/p.png>",
    "# Heading\n\n- [ ] task\n\n---\n&lt;b&gt;",
    "{{ 7 * 7 }} {% raw %} $$x$$",
)


@pytest.mark.parametrize("text", EVIL)
def test_what_models_and_users_write_stays_text(text: str) -> None:
    """In a renderer that knows tables, links without brackets, and HTML, as the Hub's does."""
    plain, evil = (
        rendered(card(samples=[sample(question=said, base=said, tuned=said)], quote_rows=True))
        for said in ("What now?", text)
    )
    assert evil.tags == plain.tags
    assert evil.addresses == plain.addresses
    assert text.split("\n")[0] in evil.text


@pytest.mark.parametrize("text", [text.split("\n")[0] for text in EVIL])
def test_names_of_files_and_tokens_stay_text(text: str) -> None:
    def page(said: str) -> Page:
        source = CLEANED.sources[0].model_copy(update={"source": f"{said.replace('/', ':')}.jsonl"})
        cleaned = CLEANED.model_copy(update={"sources": [source]})
        trained = TRAINED.model_copy(update={"pad_token": said, "lora_targets": [said]})
        found = PROBED.round_trip.model_copy(update={"cpu_kernel_error": said})
        probed = PROBED.model_copy(update={"round_trip": found})
        return rendered(model_card(cleaned, trained, probed, EXPORTED, [], run_settings(), Licence()))

    assert page(text).tags == page("harmless").tags
    assert page(text).addresses == page("harmless").addresses
    assert page(text).text.count(text) >= 3


def test_rows_are_quoted_only_where_that_is_asked_for() -> None:
    """Whether the rows are private does not follow from the settings."""
    row = SAMPLES[1]
    assert row.source == "eval_row"
    for samples in ([row], SAMPLES):
        text = card(samples=samples)
        assert not [said for said in (row.question, row.reference) if said in text]
    assert "which this card does not quote" in card(samples=[row])
    assert row.question in card(samples=[row], quote_rows=True)
    assert "which this card does not quote" not in card(samples=SAMPLES)


def test_fixed_questions_come_before_evaluation_rows() -> None:
    many = [sample(question=f"Why {n}?") for n in range(SHOWN_ANSWERS + 1)]
    text = card(samples=[*SAMPLES[1:], *many], quote_rows=True)
    assert "And then?" not in text
    assert text.count("\nTuned:\n") == SHOWN_ANSWERS


def test_no_path_of_this_machine_is_on_a_card(tmp_path: Path) -> None:
    base = tmp_path / 'my "base"'
    base.mkdir()
    (base / "config.json").write_text("{}", "utf-8")
    rows = CLEANED.sources[0].model_copy(update={"source": f"{tmp_path}/rows.jsonl=100", "revision": ""})
    cleaned = CLEANED.model_copy(update={"sources": [rows]})
    settings = run_settings(str(base), repo_id="acme/tuned", dataset_repo_id="acme/rows")
    for text in (
        model_card(cleaned, TRAINED, PROBED, EXPORTED, SAMPLES, settings, Licence()),
        data_card(cleaned, PROBED, settings, {}),
    ):
        assert str(tmp_path) not in text
        assert "| rows.jsonl=100 |" in text
    text = model_card(cleaned, TRAINED, PROBED, EXPORTED, SAMPLES, settings, Licence())
    assert "look for the base model where `base_model_name_or_path`" in text and "look for the base" not in card()
    assert 'A LoRA adapter for my "base", a local base model' in text
    assert "'path/to/my \"base\"'" in ast.unparse(ast.parse(code_of(text)[0]))


# --- how to ask ------------------------------------------------------------------------------------------------------


def messages(**changes: Any) -> Any:
    """What the card's code gives to the chat template."""
    (code,) = code_of(how_to_ask(CLEANED.model_copy(update=changes)))
    assignment = ast.parse(code).body[0]
    assert isinstance(assignment, ast.Assign)
    return ast.literal_eval(assignment.value)


def test_the_system_prompt_stands_where_training_had_it() -> None:
    question = {"role": "user", "content": "Your question"}
    assert messages(system_prompt="") == [question]
    assert messages(system_prompt="Be brief.") == [{"role": "system", "content": "Be brief."}, question]
    folded = {"role": "user", "content": "Be brief.\n\nYour question"}
    assert messages(system_prompt="Be brief.", system_in_user_turn=True) == [folded]


def test_a_prompt_of_any_characters_stays_a_literal() -> None:
    odd = 'Say "yes" \\ no\nand {{ never }} `more`: é'
    assert messages(system_prompt=odd)[0]["content"] == odd


def test_plain_texts_are_continued_without_a_chat_template() -> None:
    texts = CLEANED.model_copy(update={"texts": CLEANED.train_rows + CLEANED.eval_rows})
    text = model_card(texts, TRAINED, PROBED, EXPORTED, SAMPLES, run_settings("acme/small-3b"), Licence())
    assert "cleaned plain texts. On" in text
    assert "| loss on | the whole text |" in text
    asked = section(text, "How to ask it")
    assert "without a chat template" in asked and "apply_chat_template" not in asked
    (code,) = code_of(asked)
    assert ast.parse(code).body
    assert "eos_token_id=tokenizer.eos_token_id," in code


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "cleaned question-and-answer rows. On"),
        ({"conversations": 3}, "cleaned rows. On"),
        ({"conversations": CLEANED.train_rows + CLEANED.eval_rows}, "cleaned conversations. On"),
    ],
)
def test_the_card_says_what_the_rows_are(changes: dict[str, int], said: str) -> None:
    text = model_card(
        CLEANED.model_copy(update=changes), TRAINED, PROBED, EXPORTED, SAMPLES, run_settings("acme/small-3b"), Licence()
    )
    assert said in text


def test_thinking_is_switched_off_where_training_had_it_off() -> None:
    assert "enable_thinking" not in how_to_ask(CLEANED)
    assert "    enable_thinking=False,\n" in how_to_ask(CLEANED.model_copy(update={"thinking_off": True}))


# --- the data set card -----------------------------------------------------------------------------------------------


def test_the_data_card_says_which_rows_have_other_fields() -> None:
    settings = run_settings("acme/small-3b", dataset_repo_id="acme/rows")
    assert "`turns`" not in data_card(CLEANED, PROBED, settings, {})
    card = data_card(CLEANED.model_copy(update={"conversations": 1_200, "texts": 3}), PROBED, settings, {})
    assert "(1,200 of them conversations, with `turns` in place of `question` and `answer`)" in card
    assert "(3 of them plain `text`)" in card


def test_the_data_card_names_the_files_and_counts_of_every_rule() -> None:
    text = data_card(CLEANED, PROBED, run_settings(dataset_repo_id="acme/rows"), {})
    front = yaml.safe_load(text.split("---\n")[1])
    assert [file["path"] for file in front["configs"][0]["data_files"]] == ["train.jsonl", "eval.jsonl"]
    assert "# rows\n\n9,000 training and 450 evaluation rows" in text
    names = [line.split(" | ")[0].removeprefix("| ") for line in section(text, "Rules").splitlines() if "|" in line]
    assert names[2:] == list(CLEANED.rules)
    assert "| opening | 11,993 | 5,210 | 0 | 88,231 |" in text


# --- the licence -----------------------------------------------------------------------------------------------------
