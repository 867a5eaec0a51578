"""Kinds, encodings and compression of files of text."""

from __future__ import annotations

import codecs
import gzip
from pathlib import Path

import pyarrow
import pytest

from job.cleaning.reading.rows import local_file
from job.cleaning.reading.text import SAMPLE, encoding_of, open_text
from job.errors import DataError
from tests.cleaning.reading.files import read

GERMAN = "Wie heiß wird der Kessel?;Höchstens achtzig Grad, außer man öffnet die Klappe für längere Zeit.\n"
FRENCH = "Où est la clé ?;Elle est rangée à côté du placard, derrière l'étagère où l'on a posé les outils.\n"
SPANISH = "¿Cuánto cuesta?;Según el tamaño: mañana habrá más información sobre el año próximo.\n"
ENGLISH = "Why is it dry?;It’s the “old” pump – don’t worry, we’ll mend it.\n"
POLISH = "Jak często podlewać?;Podlewaj roślinę raz w tygodniu, gdy ziemia jest już sucha, również zimą.\n"
RUSSIAN = "Как часто поливать?;Поливайте раз в неделю, когда земля уже сухая, и зимой тоже.\n"
TURKISH = (
    "Ne sıklıkla sulamalıyım?;Toprak kuruduğunda haftada bir kez sulayın, kışın da öyle yapın, çünkü ışık azdır.\n"
)
JAPANESE = "植物にはどのくらい水をやりますか;土が乾いたら週に一度たっぷり水をやってください。\n"
CHINESE = "植物多久浇一次水？;土壤干了以后每周浇一次水，冬天也一样。\n"


def encoding(content: bytes) -> tuple[str, str]:
    return encoding_of(content, local_file(Path("rows.csv")))


@pytest.mark.parametrize(
    ("text", "codec", "named"),
    [
        (GERMAN, "cp1252", "cp1252"),
        (FRENCH, "latin-1", "cp1252"),
        (SPANISH, "latin-1", "cp1252"),
        (ENGLISH, "cp1252", "cp1252"),
        (POLISH, "cp1250", "cp1250"),
        (RUSSIAN, "cp1251", "cp1251"),
        (TURKISH, "cp1254", "cp1254"),
        (JAPANESE, "cp932", "cp932"),
        (CHINESE, "gb18030", "gb18030"),
        (RUSSIAN, "koi8-r", "koi8-r"),
        (GERMAN, "mac-roman", "mac-roman"),
        (GERMAN, "cp850", "cp850"),
        (CHINESE, "utf-8", "UTF-8"),
        (CHINESE, "utf-8-sig", "UTF-8 with a byte order mark"),
        (ENGLISH, "utf-16", "UTF-16"),
        (ENGLISH, "utf-16-le", "UTF-16-LE without a byte order mark"),
        (GERMAN, "utf-16-be", "UTF-16-BE without a byte order mark"),
        (CHINESE, "utf-16-le", "UTF-16-LE without a byte order mark"),
        (ENGLISH, "utf-32", "UTF-32"),
    ],
)
@pytest.mark.parametrize("times", [20, 200])
def test_an_encoding_is_recognised_and_named(text: str, codec: str, named: str, times: int, tmp_path: Path) -> None:
    content = "frage;antwort\n" + text * times
    found, rows = read(tmp_path, "rows.csv", content.encode(codec))
    assert found == f"CSV, separator semicolon, {named}"
    question, _, answer = text.strip().partition(";")
    assert rows == [{"frage": question, "antwort": answer}] * times


def test_an_encoding_is_found_in_one_long_line_too(tmp_path: Path) -> None:
    value = (
        "[" + ", ".join(f'{{"question": "Frage {n}", "answer": "Größe und Höhe für {n}"}}' for n in range(5000)) + "]"
    )
    found, rows = read(tmp_path, "rows.json", value.encode("cp1252"))
    assert found == "a JSON value, cp1252"
    assert rows[1] == {"question": "Frage 1", "answer": "Größe und Höhe für 1"}


@pytest.mark.parametrize(
    "few", ["It’s fine, don’t\n", "It costs £5\nor £6\n", "80 °C and 90 °C\n", "“yes” – “no”\n", "x² + ½\n"]
)
def test_english_with_a_few_other_characters_is_not_taken_for_chinese(few: str) -> None:
    prose = "".join(f"What about pump {number}? Please wait, and then clean all of it.\n" for number in range(200))
    assert encoding((prose + few).encode("cp1252")) == ("cp1252", "cp1252")


def test_a_few_broken_characters_do_not_make_another_encoding() -> None:
    assert encoding("für\n".encode() * 10 + b"f\xfcr\n" * 9) == ("utf-8", "UTF-8")
    assert encoding(b"plain\n" * 10 + b"f\xfcr\n") == ("utf-8", "UTF-8")
    assert encoding("für\n".encode() * 10 + b"f\xfcr\n" * 11)[0] != "utf-8"


@pytest.mark.parametrize("stray", [b"\0", b"\0\n", b"\n\0", b"\0\0\0"])
@pytest.mark.parametrize("place", [40, 41, -40, -41])
def test_a_stray_nul_makes_no_utf_16(stray: bytes, place: int) -> None:
    content = b"Clean all of it and then wait for a while.\n" * 50
    assert encoding(content[:place] + stray + content[place:]) == ("utf-8", "UTF-8")


def test_a_character_that_the_sample_cuts_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_bytes(b"x" * (SAMPLE - 1) + "ü".encode() * 10)
    text = open_text(local_file(path))
    assert (text.codec, len(text.head), text.whole) == ("utf-8", SAMPLE - 1, False)


def test_bytes_in_no_encoding_are_named_with_what_was_tried() -> None:
    with pytest.raises(
        DataError, match=r"encoding of the source rows.csv is not known: .* UTF-8.* cp1252.* cp949"
    ) as caught:
        encoding(bytes(range(128, 256)) * 400)
    assert "as UTF-8" in caught.value.remedy


def zstd(content: bytes) -> bytes:
    return bytes(pyarrow.Codec("zstd").compress(content, asbytes=True))


@pytest.mark.parametrize(("ending", "pack", "named"), [("gz", gzip.compress, "gzip"), ("zst", zstd, "zstd")])
def test_compressed_text_is_unpacked_and_one_that_is_cut_off_is_named(
    ending: str, pack: object, named: str, tmp_path: Path
) -> None:
    line = b'{"question": "Q", "answer": "A"}\n'
    packed = pack(line * 500)  # type: ignore[operator]
    found, rows = read(tmp_path, f"rows.jsonl.{ending}", packed * 2)  # several parts, one behind the other
    assert found == f"JSON lines, UTF-8, {named}"
    assert len(rows) == 1000
    with pytest.raises(DataError, match=rf"rows.jsonl.{ending} cannot be read: it is cut off or damaged") as caught:
        read(tmp_path, f"rows.jsonl.{ending}", packed[:-6])
    assert "is whole" in caught.value.remedy
    with pytest.raises(DataError, match="cannot be read: "):
        read(tmp_path, f"rows.jsonl.{ending}", line)


def test_a_changed_byte_in_a_compressed_file_and_half_a_character_are_damage(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b'{"question": "Q", "answer": "A"}\n' * 500))
    packed[-6] ^= 1
    for name, content in (("rows.jsonl.gz", bytes(packed)), ("rows.txt", "some rows\n".encode("utf-16")[:-1])):
        with pytest.raises(DataError, match="it is cut off or damaged"):
            read(tmp_path, name, content)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.csv", "rows.tsv", "rows.txt"])
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"%PDF-1.7\n", "it is a PDF"),
        (b"PK\x03\x04....", "a zip archive or an Office document"),
        (b"\n<!doctype HTML>\n<title>Not found</title>", "a web page or XML"),
        (b"<?xml version='1.0'?>\n<rows/>", "a web page or XML"),
        (gzip.compress(b"rows"), "compressed by gzip"),
        (zstd(b"rows"), "compressed by zstd"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "git lfs pull"),
        (b"", "is empty"),
        (b" \r\n\n", "is empty"),
        (codecs.BOM_UTF8, "is empty"),
        (b"\x00\x01\x02\x03 question,answer\n", "control characters"),
    ],
)
def test_a_file_of_another_kind_is_named_as_what_it_is(name: str, content: bytes, what: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=what) as caught:
        read(tmp_path, name, content)
    assert name in str(caught.value)
    assert "FINETUNE_DATA_SOURCES" in caught.value.remedy
