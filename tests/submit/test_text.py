"""Strings stay strings: YAML, JSON and shell lines."""

from __future__ import annotations

import json
import shlex

import pytest
import yaml

from job.submit.text import Raw, as_dotenv, as_json, as_yaml, command

pytestmark = pytest.mark.light


def test_yaml_keeps_strings_strings() -> None:
    values = [*"1e-4 0.1 true : y No 12:34 0o7 +1 .5 null ~ - = <<".split(), "", "a: b", "# x", "two\nlines\n"]
    assert yaml.safe_load(as_yaml(values)) == values
    assert yaml.safe_load(as_yaml(dict.fromkeys("ab", values))) == dict.fromkeys("ab", values)
    assert yaml.safe_load(as_yaml(tuple(values))) == values


@pytest.mark.parametrize(
    "word", "y Y yes Yes YES n N no No NO true True TRUE false False FALSE on On ON off Off OFF".split()
)
def test_what_yaml_1_1_reads_as_a_boolean_is_quoted(word: str) -> None:
    """PyYAML reads `y` and `n` as strings and writes them plain; Go's readers take them for true and false."""
    assert as_yaml([word]) in (f'- "{word}"\n', f"- '{word}'\n")


@pytest.mark.parametrize("word", ["1e-4", "0o7", "0x1F", "1_000", "12:34", "+1", "-1", ".5", ".5e3", ".inf", "9"])
def test_what_some_reader_takes_for_a_number_is_quoted(word: str) -> None:
    assert as_yaml([word]) in (f'- "{word}"\n', f"- '{word}'\n")


def test_an_ordinary_word_is_plain() -> None:
    assert as_yaml({"image": "owner/name", "count": 1, "on": True}) == "image: owner/name\ncount: 1\n'on': true\n"


def test_yaml_keeps_the_order_long_lines_and_characters() -> None:
    line = "wörd " * 100 + "end"
    assert as_yaml({"b": line, "a": 1}) == f"b: {line}\na: 1\n"


def test_several_lines_are_a_block_and_several_documents_are_separated() -> None:
    assert as_yaml({"run": "one\ntwo\n"}, {"x": 1}) == "run: |\n  one\n  two\n---\nx: 1\n"


def test_json_is_indented_and_keeps_characters() -> None:
    text = as_json({"a": ["ü"]})
    assert text == '{\n  "a": [\n    "ü"\n  ]\n}\n'
    assert json.loads(text) == {"a": ["ü"]}


def test_words_are_quoted_for_the_shell_unless_they_are_raw() -> None:
    assert command([["run", "a b", Raw('"$PWD"')], ["$HOME"]]) == "run 'a b' \"$PWD\" \\\n  '$HOME'\n"
    assert shlex.split(command([["a b", "it's"]])) == ["a b", "it's"]


@pytest.mark.parametrize("letter", ["\x85", "\u2028", "\u2029"])
def test_what_is_a_line_break_to_yaml_1_1_is_escaped(letter: str) -> None:
    """PyYAML would write it as it is into a block, where Go's readers make a newline of the first."""
    assert letter not in as_yaml([f"a{letter}b\n"])
    assert yaml.safe_load(as_yaml([f"a{letter}b\n"])) == [f"a{letter}b\n"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a,b/c:1@2", "X=a,b/c:1@2"),
        ("", "X="),
        ("a #b", "X='a #b'"),
        ("$HOME", "X='$HOME'"),
        ("it's $1", 'X="it\'s \\$1"'),
        ("a\\", 'X="a\\\\"'),
    ],
)
def test_dotenv_is_quoted_where_it_has_to_be(value: str, written: str) -> None:
    assert as_dotenv("X", value) == written
