"""What is read, what is refused, and how it is said."""

from __future__ import annotations

import os
import subprocess
import traceback
from pathlib import Path

import pytest

from job.errors import AccessDenied, SettingsError
from job.settings.loading import RENAMED, load_file, load_settings, load_token
from job.settings.reference import variables
from tests.settings.problems import problems

pytestmark = pytest.mark.light


def test_all_problems_are_reported_at_once_with_the_variable_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "\n".join(
        problems(
            monkeypatch,
            TRAIN_LERNING_RATE="1e-4",
            TRAIN_SEED="-1",
            LORA_DROPOUT="often",
            DATA_SOURCES="nonsense,./missing.jsonl",
            DATA_SYSTEM_PROMPT_FILE="/nowhere/prompt.txt",
            HUB_REPO_ID="no-owner",
        )
    )
    assert "FINETUNE_TRAIN_LERNING_RATE: there is no such variable; did you mean FINETUNE_TRAIN_LEARNING_RATE?" in said
    assert "FINETUNE_TRAIN_SEED: must be greater than or equal to 0, not '-1'" in said
    assert "FINETUNE_LORA_DROPOUT: must be a valid number" in said
    assert "'nonsense' is neither owner/name on the Hub nor a path" in said
    assert "missing.jsonl" in said
    assert "FINETUNE_DATA_SYSTEM_PROMPT_FILE: there is no file /nowhere/prompt.txt" in said
    assert "FINETUNE_HUB_REPO_ID: must be owner/name" in said


@pytest.mark.parametrize(
    ("stages", "missing"),
    [
        ("", ("rows", "base")),
        ("clean", ("rows", "base")),
        ("train,probe", ("base",)),
        ("probe", ("base",)),
        ("push", ()),
    ],
)
@pytest.mark.parametrize("rows", ["/nowhere/rows.jsonl", "/nowhere/*.jsonl"])
def test_local_files_must_be_there_for_the_stages_that_read_them(
    stages: str, missing: tuple[str, ...], rows: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"DATA_SOURCES": rows, "MODEL_BASE": "/nowhere/base", "STAGES": stages}
    if missing:
        variables_named = {"rows": "FINETUNE_DATA_SOURCES", "base": "FINETUNE_MODEL_BASE"}
        said = problems(monkeypatch, **values)
        assert [one.partition(":")[0] for one in said] == [variables_named[what] for what in missing]
        return
    for name, value in values.items():
        monkeypatch.setenv(f"FINETUNE_{name}", value)
    assert str(load_settings().data.sources[0]) == rows


def test_a_misspelt_section_is_found_too(monkeypatch: pytest.MonkeyPatch) -> None:
    said = problems(monkeypatch, TRIAN_SEED="1", DATA_SOURCES="owner/name")
    assert said == ["FINETUNE_TRIAN_SEED: there is no such variable; did you mean FINETUNE_TRAIN_SEED?"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("HUB_TOKEN_Zq9SECRET", "HUB_TOKEN_..."), ("TRAIN_BETA2", "TRAIN_..."), ("HUB_TOKENS", "HUB_TOKENS")],
)
def test_of_an_unknown_name_only_plain_words_are_quoted(name: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = problems(monkeypatch, DATA_SOURCES="owner/name", **{name: "1"})
    assert [one.partition(":")[0] for one in said] == [f"FINETUNE_{shown}"]


def test_a_sections_name_alone_hides_no_other_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    said = problems(monkeypatch, DATA_SOURCES="owner/name", LORA="16", LORA_R="many")
    assert said == [
        "FINETUNE_LORA: there is no such variable; did you mean FINETUNE_LORA_R?",
        "FINETUNE_LORA_R: must be a valid integer, unable to parse string as an integer, not 'many'",
    ]


def test_without_a_data_set_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(monkeypatch)[0].startswith("FINETUNE_DATA_SOURCES: not set")


def test_quotes_that_docker_keeps_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    said = problems(monkeypatch, DATA_SOURCES="owner/name", LORA_R='"16"')
    assert said == ["FINETUNE_LORA_R: the value is in quotes, which docker --env-file keeps; write it without quotes"]


def test_a_value_that_is_not_utf8_is_a_problem_that_can_be_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environb, b"FINETUNE_DATA_BRANDS", b"caf\xe9")
    monkeypatch.setitem(os.environb, b"FINETUNE_\xff", b"1")
    said = problems(monkeypatch, DATA_SOURCES="owner/name", LORA_R="0")
    assert sorted(said) == [
        "FINETUNE_DATA_BRANDS: name or value is not UTF-8 text",
        "FINETUNE_LORA_R: must be greater than or equal to 1, not '0'",
        "FINETUNE_\\udcff: name or value is not UTF-8 text",
    ]
    "".join(said).encode()


def test_a_token_of_other_letters_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(os.environb, b"HF_TOKEN", b"hf_\xff")
    with pytest.raises(AccessDenied, match="characters that no token has"):
        load_token()
    monkeypatch.delenv("HF_TOKEN", raising=False)
    os.mkfifo(tmp_path / "token")
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "token"))
    with pytest.raises(AccessDenied, match="it is a pipe"):
        load_token()


def test_an_empty_value_means_the_default_and_blanks_are_stripped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINETUNE_DATA_SOURCES", " owner/name ")
    monkeypatch.setenv("FINETUNE_LORA_R", "")
    monkeypatch.setenv("FINETUNE_TRAIN_LOSS_ON", "text ")
    settings = load_settings()
    assert settings.data.sources[0].name == "owner/name"
    assert (settings.lora.r, settings.train.loss_on) == (16, "text")


def test_a_problem_elsewhere_never_prints_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_" + "s" * 30)
    assert "ssss" not in "\n".join(problems(monkeypatch, LORA_R="zero"))


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "run.env"
    file.write_text("FINETUNE_DATA_SOURCES=owner/name\nFINETUNE_LORA_R=8\nFINETUNE_LORA_ALPHA=99\n", "utf-8")
    monkeypatch.setenv("FINETUNE_LORA_R", "4")
    monkeypatch.delenv("FINETUNE_DATA_SOURCES", raising=False)
    monkeypatch.delenv("FINETUNE_LORA_ALPHA", raising=False)
    settings = load_settings(file)
    assert (settings.lora.r, settings.lora.alpha) == (4, 99)


def test_the_token_comes_from_the_variable_or_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_token() == ""
    file = tmp_path / "token"
    file.write_text("hf_from_file\n", "utf-8")
    monkeypatch.setenv("HF_TOKEN_PATH", str(file))
    assert load_token() == "hf_from_file"
    monkeypatch.setenv("HF_TOKEN_PATH", str(file))
    monkeypatch.setenv("HF_TOKEN", "hf_from_variable")
    assert load_token() == "hf_from_variable"


def test_processes_started_after_the_token_was_read_do_not_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("hf_in_a_file", "utf-8")
    monkeypatch.setenv("HF_TOKEN", "hf_planted")
    monkeypatch.setenv("HUGGING_FACE_HUB_TOKEN", "hf_old_name")
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "token"))
    assert load_token() == "hf_planted"
    child = subprocess.run(["/usr/bin/env"], capture_output=True, text=True, check=True)
    assert "PATH=" in child.stdout
    assert not [line for line in child.stdout.splitlines() if "TOKEN" in line or "hf_" in line.partition("=")[2]]


def test_a_token_under_its_old_name_is_not_read_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HUGGING_FACE_HUB_TOKEN", "hf_old_name")
    assert load_token() == ""
    assert "HUGGING_FACE_HUB_TOKEN is an old name that is not read; set HF_TOKEN instead" in caplog.text
    assert "hf_old_name" not in caplog.text
    caplog.clear()
    monkeypatch.setenv("HUGGING_FACE_HUB_TOKEN", "hf_old_name")
    monkeypatch.setenv("HF_TOKEN", "hf_new_name")
    assert (load_token(), caplog.text) == ("hf_new_name", "")


def test_an_unreadable_token_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "missing"))
    with pytest.raises(AccessDenied, match=r"that HF_TOKEN_PATH names cannot be read \(No such file or directory\)"):
        load_token()


def test_a_token_in_place_of_its_files_path_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN_PATH", "plain-secret")
    with pytest.raises(AccessDenied) as caught:
        load_token()
    assert "plain-secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("token", ['"hf_token"', "'hf_token'"])
def test_quotes_around_a_token_are_named(token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(AccessDenied, match="HF_TOKEN holds quotes around the token, which docker --env-file keeps"):
        load_token()
    (tmp_path / "token").write_text(token, "utf-8")
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "token"))
    with pytest.raises(AccessDenied, match="The token file that HF_TOKEN_PATH names holds quotes"):
        load_token()


@pytest.mark.parametrize("token", ["hf_one\nhf_two", "hf_one hf_two", "hf_one\rhf_two", "hf_\x1fone"])
def test_a_token_with_a_break_inside_is_refused(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its request fails like a Hub that is down, and would be tried for ten minutes."""
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(AccessDenied, match="characters that no token has, such as a blank or a line break"):
        load_token()


def test_a_name_in_small_letters_is_refused_with_the_right_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "run.env"
    file.write_text("FINETUNE_DATA_SOURCES=owner/name\nFINETUNE_TRAIN_EPOCHS=2\n", "utf-8")
    monkeypatch.setenv("finetune_train_epochs", "abc")
    monkeypatch.setenv("Finetune_Output_Dir", "/there")
    monkeypatch.setenv("finetune_lora", "16")
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert caught.value.problems == (
        "Finetune_Output_Dir: write the name in capitals, FINETUNE_OUTPUT_DIR",
        "finetune_train_epochs: write the name in capitals, FINETUNE_TRAIN_EPOCHS",
        "finetune_lora: there is no such variable; did you mean FINETUNE_LORA_R?",
    )
    assert os.environ["FINETUNE_OUTPUT_DIR"] == "/there", "where this start is refused"


def test_names_in_small_letters_of_this_process_do_not_count_for_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "run.env"
    file.write_text("FINETUNE_DATA_SOURCES=owner/name\n", "utf-8")
    monkeypatch.setenv("finetune_lora_r", "4")
    assert load_file(file)[0].lora.r == 16
    assert dict(os.environ)["finetune_lora_r"] == "4"


def test_a_mounted_secret_is_the_token_and_an_unreadable_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = tmp_path / "hf_token"
    monkeypatch.setattr("job.settings.loading.MOUNTED_TOKEN", mounted)
    assert load_token() == ""
    mounted.write_text("hf_mounted\n", "utf-8")
    assert load_token() == "hf_mounted"
    monkeypatch.setenv("HF_TOKEN", "hf_given")
    assert load_token() == "hf_given"
    mounted.write_bytes(b"\xff\xfe")
    with pytest.raises(AccessDenied, match="hf_token cannot be read"):
        load_token()


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_is_answered_with_the_new_one(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINETUNE_DATA_SOURCES", "quickstart")
    monkeypatch.setenv(old, "0.1")
    with pytest.raises(SettingsError, match=f"{old}: this variable is now called {new}"):
        load_settings()
    assert new in {variable.name for variable in variables()}


def test_a_file_counts_alone_where_it_travels_to_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "run.env"
    file.write_text("FINETUNE_DATA_SOURCES=owner/name\n", "utf-8")
    monkeypatch.setenv("FINETUNE_LORA_R", "4")
    settings, values = load_file(file)
    assert (settings.lora.r, values) == (16, {"FINETUNE_DATA_SOURCES": "owner/name"})
    assert {name: value for name, value in os.environ.items() if name.startswith("FINETUNE_")} == {
        "FINETUNE_LORA_R": "4"
    }


def test_other_variables_of_a_file_do_not_stay_in_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "run.env"
    file.write_text("FINETUNE_DATA_SOURCES=owner/name\nHF_HOME=/there\nHF_ENDPOINT=https://hub.example\n", "utf-8")
    monkeypatch.setenv("HF_HOME", "/here")
    _, values = load_file(file)
    assert (values["HF_HOME"], values["HF_ENDPOINT"]) == ("/there", "https://hub.example")
    assert os.environ["HF_HOME"] == "/here"
    assert "HF_ENDPOINT" not in os.environ


def test_a_file_may_name_a_variable_of_the_shell_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As docker reads it: the settings hold the value that goes to the other machine."""
    file = tmp_path / "run.env"
    file.write_text("FINETUNE_DATA_SOURCES\nFINETUNE_LORA_R=8\n", "utf-8")
    monkeypatch.setenv("FINETUNE_DATA_SOURCES", "owner/name")
    found, values = load_file(file)
    assert (found.data.sources[0].name, values["FINETUNE_DATA_SOURCES"]) == ("owner/name", "owner/name")


def test_an_item_of_a_list_is_reported_under_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    (said,) = problems(monkeypatch, DATA_SOURCES="owner/name", DATA_CLEANING="forum")
    assert said == "FINETUNE_DATA_CLEANING: must be 'auto', 'qa-forum', 'wiki', 'escapes' or 'none', not 'forum'"


def test_an_item_of_a_list_that_stands_alone_too(monkeypatch: pytest.MonkeyPatch) -> None:
    (said,) = problems(monkeypatch, DATA_SOURCES="owner/name", EXPORT="lora, gguf,merge")
    assert said == "FINETUNE_EXPORT: must be 'adapter', 'lora' or 'merged', not 'gguf'"


@pytest.mark.parametrize("value", ["true", "false"])
def test_a_switch_of_an_older_env_file_gets_the_words_of_today(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    (said,) = problems(monkeypatch, DATA_SOURCES="owner/name", DATA_REMOVE_CONTACTS=value)
    assert said == f"FINETUNE_DATA_REMOVE_CONTACTS: must be 'mask', 'cut' or 'keep', not '{value}'"


def test_a_list_of_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    said = problems(monkeypatch, DATA_SOURCES="owner/name", DATA_CLEANING=",", LORA_TARGETS=",")
    assert said == [f"FINETUNE_{name}: needs at least one value, not ','" for name in ("DATA_CLEANING", "LORA_TARGETS")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "~/there") for name in ("OUTPUT_DIR", "DATA_SYSTEM_PROMPT_FILE", "DATA_RULES_FILE", "MODEL_BASE")),
        *(("OUTPUT_DIR", value) for value in ("~", "~alice/out", "$HOME/out", "${SCRATCH}/out", "$SCRATCH")),
        ("DATA_SOURCES", "./rows.jsonl,~/rows.jsonl=20"),
    ],
)
def test_a_path_that_only_a_shell_completes_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (said,) = problems(monkeypatch, **{"DATA_SOURCES": "owner/name", name: value})
    assert said == f"FINETUNE_{name}: '{value}' holds what only a shell expands; write the path without ~ or $"


def test_a_tilde_or_a_dollar_elsewhere_is_a_character_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINETUNE_DATA_SOURCES", "owner/name")
    for value in ("/data/~/out", "./out~", "/data/a$b"):
        monkeypatch.setenv("FINETUNE_OUTPUT_DIR", value)
        assert str(load_settings().output_dir) == str(Path(value))


def test_a_single_quote_is_a_value_that_is_wrong_and_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    (said,) = problems(monkeypatch, DATA_SOURCES="owner/name", LORA_R="'")
    assert said.startswith("FINETUNE_LORA_R: must be a valid integer")


def test_a_watchdog_does_not_end_the_waiting_for_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINETUNE_DATA_SOURCES", "quickstart")
    monkeypatch.setenv("FINETUNE_MODEL_BASE", "quickstart")
    monkeypatch.setenv("FINETUNE_WATCHDOG_MINUTES", "5")
    assert load_settings().watchdog_minutes == 5, "this run needs no Hub"
    monkeypatch.setenv("FINETUNE_MODEL_BASE", "owner/base")
    with pytest.raises(SettingsError, match="FINETUNE_WATCHDOG_MINUTES: must be above FINETUNE_HUB_RETRY_MINUTES"):
        load_settings()
