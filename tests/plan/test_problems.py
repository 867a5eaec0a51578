"""Every problem that a run would end with and that can be known before it, each with the run's own exit code."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from job.errors import HubUnavailable, JobError, NotFound
from job.hosts import main_memory
from job.plan.cost import CARDS, T4
from job.plan.facts import Facts, Found
from job.plan.problems import problems, warnings
from tests.bench import parallel_paper
from tests.conftest import make_rows, metrics_of, small_run, write_rows
from tests.plan.conftest import sample, with_samples

if TYPE_CHECKING:
    from job.modeling.architecture import Architecture  # imports torch


def without_base(known: Facts) -> Facts:
    known.base, known.chat = Found(), None
    return known


@pytest.mark.light
def test_too_few_rows_name_what_dropped_most(facts: Callable[..., Facts]) -> None:
    few = sample(rows=50, kept=10, total=50, dropped={"short_answer": 30, "empty": 10})
    (error,) = problems(without_base(with_samples(facts(), few)))
    assert error.exit_code == 65
    assert str(error) == (
        "Exactly 10 rows are left after cleaning, fewer than FINETUNE_DATA_MIN_ROWS (32). Dropped, of the 50 rows looked "
        "at: short_answer 30, empty 10."
    )
    assert error.remedy.startswith("Look at FINETUNE_DATA_MIN_ANSWER_WORDS (30, since ")
    assert not problems(without_base(with_samples(facts(DATA_MIN_ROWS="10"), few)))
    nothing = problems(without_base(with_samples(facts(), sample(rows=10, total=10))))
    assert "Look at FINETUNE_DATA_SOURCES" in nothing[0].remedy


@pytest.mark.light
def test_a_push_without_a_token(facts: Callable[..., Facts]) -> None:
    known = without_base(with_samples(facts(HUB_REPO_ID="owner/adapter"), sample()))
    (error,) = problems(known)
    assert (error.exit_code, str(error)) == (
        67,
        "FINETUNE_HUB_REPO_ID=owner/adapter names a repository to push to, but there is no token.",
    )
    known.token = "hf_" + "w" * 30
    assert not problems(known)
    assert not problems(without_base(with_samples(facts(HUB_REPO_ID="owner/adapter", STAGES="clean"), sample())))


@pytest.mark.light
def test_a_disk_that_is_too_small(facts: Callable[..., Facts], monkeypatch: pytest.MonkeyPatch) -> None:
    known = without_base(with_samples(facts(), sample()))
    used = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: used._replace(free=1000))
    (error,) = problems(known)
    assert error.exit_code == 68
    assert "FINETUNE_OUTPUT_DIR" in error.remedy


@pytest.mark.light
def test_memory_too_small_for_the_libraries_leaves_base_and_rows_unknown(
    facts: Callable[..., Facts], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, the kernel killed the plan as it imported them, without a word."""
    monkeypatch.setattr(main_memory, "main_memory_bytes", lambda: 300_000_000)
    known = facts(MODEL_BASE="quickstart", DATA_SOURCES="quickstart")
    (error,) = problems(known)
    assert known.samples[0][1].problem and not known.base.value
    assert error.exit_code == 68
    assert str(error) == "0.3 GB of main memory are free; loading PyTorch needs about 0.5 GB."


@pytest.mark.light
@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user for a while")
def test_an_output_folder_that_this_user_may_not_enter(facts: Callable[..., Facts], tmp_path: Path) -> None:
    """Before, the plan ended with a traceback."""
    known = without_base(with_samples(facts(OUTPUT_DIR=str(tmp_path / "output")), sample()))
    assert not problems(known), "and what it imports is read as root"
    tmp_path.chmod(0o700)
    os.seteuid(65534)
    try:
        found = problems(known)
    finally:
        os.seteuid(0)
    assert {error.exit_code for error in found} == {68}
    assert f"{tmp_path}/output cannot be read: Permission denied." in map(str, found)


@pytest.mark.light
def test_the_first_problem_is_that_which_a_run_meets_first_and_each_is_said_once(
    facts: Callable[..., Facts],
) -> None:
    none = sample(rows=0, total=0)
    known = without_base(with_samples(facts(HUB_REPO_ID="owner/adapter"), none))
    known.base = Found(problem=NotFound("There is no base model."))
    known.sizes = Found(problem=NotFound("There is no base model."))
    assert [error.exit_code for error in problems(known)] == [66, 67, 65]
    later = without_base(with_samples(facts(HUB_REPO_ID="owner/adapter", STAGES="push"), none))
    assert [error.exit_code for error in problems(later)] == [
        64,
        67,
    ]  # earlier stages have no result, and read the rows
    later.base = Found(problem=NotFound("There is no base model."))
    assert [error.exit_code for error in problems(later)] == [64, 67]  # the push does not read it
    known = without_base(with_samples(facts(), sample()))
    known.base = Found(problem=HubUnavailable("no answer"))
    assert not problems(known)


def test_a_card_that_is_too_small_is_a_problem_only_if_it_was_named(
    facts: Callable[..., Facts], llama_3b: Architecture
) -> None:
    known = with_samples(facts(TRAIN_MAX_TOKENS="65536"), sample())
    known.base, known.chat = Found(llama_3b), None
    assert not problems(known)
    known.named_card = T4
    (error,) = problems(known)
    assert (error.exit_code, str(error)) == (
        68,
        "One row of 65,536 tokens needs about 19.3 GiB, more than the 14.6 GiB of an NVIDIA T4.",
    )
    assert error.remedy == "Lower FINETUNE_TRAIN_MAX_TOKENS (32,768 would fit), or use a larger GPU."
    known.gpus = 8
    (error,) = problems(known)
    assert str(error).endswith(
        "more than the 13.4 GiB that a run takes of an NVIDIA T4, even if 8 GPUs share the base's layers."
    )
    known.named_card = CARDS[-1]
    assert not problems(known)


def test_a_base_that_one_card_does_not_hold_is_a_problem_until_there_are_enough(facts: Callable[..., Facts]) -> None:
    def found(gpus: int, card: str, **values: str) -> list[JobError]:
        known = with_samples(facts(**values), sample())
        known.base, known.chat, known.gpus = Found(base), None, gpus
        known.named_card = next(one for one in CARDS if one.name == card)
        return problems(known)

    base = parallel_paper.base_of(parallel_paper.SEVENTY_B, "70B")
    (error,) = found(1, "L4")
    assert str(error).startswith("One row of 512 tokens needs about 4")
    assert error.remedy == "Use 4 such GPUs in one host, or use a larger GPU."
    (error,) = found(8, "L4", TRAIN_SHARD="none")
    assert error.remedy.startswith("Set FINETUNE_TRAIN_SHARD=auto: 8 workers that share the base's layers need about 1")
    (error,) = found(2, "T4")
    assert (error.exit_code, "round-trip check" in str(error)) == (68, True), "trained on two, but loaded by none"
    assert not found(8, "L4")
    assert not found(4, "T4")


@pytest.mark.light
def test_more_workers_than_rows_in_a_step_are_a_problem_as_in_a_run(facts: Callable[..., Facts]) -> None:
    known = without_base(with_samples(facts(TRAIN_DEVICES="8", TRAIN_BATCH_SIZE="4"), sample()))
    known.gpus = 8
    (error,) = problems(known)
    assert error.exit_code == 64
    known.gpus = 2
    assert [one.exit_code for one in problems(known)] == [64, 68], "in the order of a run"
    assert "FINETUNE_TRAIN_DEVICES: 8 are 8 workers, more than the rows of a step" in str(error)
    assert not problems(without_base(with_samples(facts(TRAIN_DEVICES="4", TRAIN_BATCH_SIZE="4"), sample())))


@pytest.mark.light
def test_more_gpus_in_the_settings_than_in_the_host_are_a_problem(facts: Callable[..., Facts]) -> None:
    known = without_base(with_samples(facts(TRAIN_DEVICES="8"), sample()))
    assert not problems(known)
    known.gpus = 4
    (error,) = problems(known)
    assert (error.exit_code, str(error)) == (68, "FINETUNE_TRAIN_DEVICES=8 asks for more GPUs than the 4 of --gpus.")
    known.gpus = 8
    assert not problems(known)


def test_a_base_that_several_gpus_are_to_share_and_cannot_is_a_problem(
    facts: Callable[..., Facts], tmp_path: Path
) -> None:
    from job.modeling.architecture import Architecture
    from tests.families import FAMILIES, make_config, make_family_tokenizer

    (falcon,) = (family for family in FAMILIES if family.name == "falcon")
    make_config(falcon, make_family_tokenizer(falcon)).save_pretrained(tmp_path)
    known = with_samples(facts(TRAIN_SHARD="full"), sample())
    known.base, known.chat = Found(Architecture.read(tmp_path, "falcon")), None
    assert not problems(known)
    known.gpus = 2
    (error,) = problems(known)
    assert error.exit_code == 64
    assert "FINETUNE_TRAIN_SHARD: falcon has no layers in 4 bits" in str(error)


@pytest.mark.light
def test_a_verdict_that_can_only_be_inconclusive_is_a_warning(facts: Callable[..., Facts]) -> None:
    few = {"PROBE_QUESTIONS_FILE": "job/quickstart/questions.txt", "TRAIN_EPOCHS": "10"}
    (warning,) = warnings(without_base(with_samples(facts(**few), sample())))
    assert warning.startswith("the verdict cannot be better: 15 answers, and 29 without a fault are the fewest")
    assert not list(warnings(without_base(with_samples(facts(DATA_EVAL_FRACTION="0.4", **few), sample()))))


@pytest.mark.light
def test_what_does_not_fit_the_number_of_steps_is_a_warning(facts: Callable[..., Facts]) -> None:
    """A run of 57 steps. With shares of the run, as by default, they fit any number."""
    epochs = {"TRAIN_EPOCHS": "9.5"}
    long = {"TRAIN_WARMUP_STEPS": "57", "TRAIN_EVAL_STEPS": "58", "TRAIN_LOG_STEPS": "58"}
    known = without_base(with_samples(facts(**epochs, **long), sample()))
    assert [sentence.partition(":")[0] for sentence in warnings(known)] == [
        "the learning rate never reaches its peak",
        "the loss is evaluated before and after training alone",
        "no step writes a log line",
    ]
    for fitting in ({"TRAIN_WARMUP_STEPS": "56", "TRAIN_EVAL_STEPS": "57", "TRAIN_LOG_STEPS": "57"}, {}):
        assert not list(warnings(without_base(with_samples(facts(**epochs, **fitting), sample()))))


@pytest.mark.light
def test_a_run_too_short_to_teach_anything_is_a_warning(facts: Callable[..., Facts]) -> None:
    (said,) = warnings(without_base(with_samples(facts(TRAIN_EPOCHS="4"), sample())))
    assert said.startswith(
        "24 optimizer steps hardly teach anything, 30 are the fewest that may: set FINETUNE_TRAIN_EPOCHS"
    )
    assert not list(warnings(without_base(with_samples(facts(TRAIN_EPOCHS="5"), sample()))))


@pytest.mark.light
def test_a_token_limit_that_drops_many_rows_is_a_warning(facts: Callable[..., Facts]) -> None:
    values = {"TRAIN_EPOCHS": "10"}
    for above, said in ((10, 0), (11, 1)):
        one = sample(rows=100, tokens=[100] * (100 - above) + [600] * above)
        assert len(list(warnings(without_base(with_samples(facts(**values), one))))) == said


@pytest.mark.light
def test_answers_above_the_limit_of_the_probe_are_a_warning(facts: Callable[..., Facts]) -> None:
    values = {"TRAIN_EPOCHS": "10", "PROBE_MAX_NEW_TOKENS": "128"}
    few, many = (sample(answers=[180] * above + [60] * (100 - above)) for above in (10, 11))
    assert not list(warnings(without_base(with_samples(facts(**values), few))))
    (said,) = warnings(without_base(with_samples(facts(**values), many)))
    assert said.startswith("FINETUNE_PROBE_MAX_NEW_TOKENS (128) is less than 11 of 100 answers of the data take")
    assert "181 is enough for 95 %" in said


@pytest.mark.light
def test_conversations_that_lose_many_turns_are_a_warning(facts: Callable[..., Facts]) -> None:
    values = {"TRAIN_EPOCHS": "10"}
    one = sample(turns_in=200, turns_out=40, notes={"turns_over_limit": 160})
    (said,) = warnings(without_base(with_samples(facts(**values), one)))
    assert said.startswith(
        "of the rows looked at conversations lose 160 of 200 turns, most over FINETUNE_TRAIN_MAX_TOKENS"
    )


def test_a_deadline_that_is_too_short_is_a_warning(facts: Callable[..., Facts], llama_3b: Architecture) -> None:
    values = {"TRAIN_EPOCHS": "10"}
    for minutes, said in (("1", 1), ("100000", 0)):
        known = with_samples(facts(**values, DEADLINE_MINUTES=minutes), sample())
        known.base, known.chat = Found(llama_3b), None
        assert len(list(warnings(known))) == said


CASES: dict[str, tuple[int, dict[str, str], list[dict[str, str]]]] = {
    "wrong columns": (65, {}, [{"frage": "Was?", "antwort": "Das."}] * 60),
    "ten rows": (65, {"DATA_MIN_ROWS": "32"}, make_rows(10)),
    "short answers": (65, {"DATA_MIN_ANSWER_WORDS": "200"}, make_rows(60)),
    "unknown targets": (64, {"LORA_TARGETS": "gates"}, make_rows(60)),
    "no token": (67, {"HUB_REPO_ID": "owner/adapter"}, make_rows(60)),
    "long rows": (65, {"TRAIN_MAX_TOKENS": "16"}, make_rows(60)),
}


@pytest.mark.parametrize(("code", "values", "rows"), CASES.values(), ids=CASES)
def test_a_plan_ends_with_the_exit_code_of_the_run(
    code: int,
    values: dict[str, str],
    rows: list[dict[str, str]],
    base: Path,
    tmp_path: Path,
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = write_rows(tmp_path / "rows.jsonl", rows)
    variables = small_run(base, file, tmp_path / "out", **values)
    assert command(variables, "plan") == code
    shown = capsys.readouterr().out
    assert f"\nProblems\n  exit code {code}: " in shown
    assert not (tmp_path / "out").exists()
    assert command(variables) == code
    assert metrics_of(tmp_path / "out")["exit_code"] == code


def test_a_question_that_is_too_long_behind_the_rows_system_prompt(
    facts: Callable[..., Facts], base: Path, tmp_path: Path
) -> None:
    """The base has 512 positions. The question fits alone, but not behind a system prompt of 40 words."""
    rows = [{**row, "instruction": "Be brief. " * 20} for row in make_rows(60)]
    questions = tmp_path / "questions.txt"
    questions.write_text("Why does it rattle? " * 35 + "\n", "utf-8")
    known = facts(
        DATA_SOURCES=str(write_rows(tmp_path / "rows.jsonl", rows)),
        DATA_MIN_ANSWER_WORDS="5",
        MODEL_BASE=str(base),
        PROBE_QUESTIONS_FILE=str(questions),
        PROBE_MAX_NEW_TOKENS="8",
    )
    errors = problems(known)
    assert [error.exit_code for error in errors] == [64]
    error = errors[0]
    assert "FINETUNE_PROBE_QUESTIONS_FILE: line 1 " in str(error)


def test_a_folder_with_another_run(
    command: Callable[..., int], base: Path, rows_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    variables = small_run(base, rows_file, tmp_path / "out", STAGES="clean")
    assert command(variables) == 0
    assert command({**variables, "FINETUNE_TRAIN_SEED": "7"}, "plan") == 61
    assert "train.seed: 42 -> 7" in capsys.readouterr().out
    assert command(variables, "plan") == 0
    rows = tmp_path / "out" / "clean" / "train.jsonl"
    assert rows.exists()
    assert command({**variables, "FINETUNE_STAGES": "train"}, "plan") == 0
