"""Bytes as text: what a file really is, how it is compressed, in which encoding it is written."""

from __future__ import annotations

import codecs
import gzip
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, TextIO, cast

from job.cleaning.reading import rows
from job.cleaning.reading.rows import File
from job.errors import DataError

SAMPLE = 2**20
"""Bytes from which kind, encoding and separator are recognised."""
SIGNATURES = (
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a zip archive or an Office document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document with a password or of before 2007"),
    (b"\x1f\x8b", "compressed by gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd"),
    (b"BZh", "compressed by bzip2"),
    (b"\xfd7zXZ\x00", "compressed by xz"),
    (b"PAR1", "Parquet"),
    (b"ARROW1", "Arrow"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"{\\rtf", "rich text (RTF)"),
    (b"version https://git-lfs.github.com/", "a pointer of Git LFS: fetch the file by `git lfs pull`"),
)
"""How files begin that are none of text."""
PAGE = re.compile(rb"\s*<(!doctype html|html|\?xml)", re.IGNORECASE)
MARKS = (  # that of UTF-32 begins like that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8 with a byte order mark"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
ENCODINGS = (
    *("cp1252", "latin_1", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r", "mac_roman", "cp850"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
)
"""What editors and spreadsheets wrote before UTF-8. charset-normalizer knows 80 more, and takes them for these."""
LEAST_SHARE = 0.01
"""Of characters that are not ASCII. With less of them to judge by, English prose with a few quotes or degree signs is taken for
Chinese; it is cp1252 unless that has no such character. German has 2 %, Polish 6 %."""
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


@dataclass(frozen=True)
class Text:
    """A file of text, of which only the head has been read."""

    file: File
    codec: str
    head: str
    """The first characters."""
    whole: bool
    """Whether the head is all of it."""
    facts: tuple[str, str]
    """Encoding and compression in words; the latter may be empty."""

    def open(self) -> TextIO:
        """Text in which a byte that its encoding does not know becomes a lone surrogate, so that its row can be found."""
        wide = self.codec.startswith(("utf-16", "utf-32"))
        errors = "surrogatepass" if wide else "surrogateescape"
        return io.TextIOWrapper(unpacked(self.file)[0], encoding=self.codec, errors=errors, newline="")


def unpacked(file: File) -> tuple[BinaryIO, str]:
    """(the bytes, how they are compressed) by the ending of the name."""
    raw = file.open()
    if file.name.endswith(".gz"):
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw)), "gzip"
    if file.name.endswith(".zst"):
        import pyarrow  # 0.1 s, and an interface that looks like a file

        return io.BufferedReader(pyarrow.CompressedInputStream(pyarrow.PythonFile(raw), "zstd")), "zstd"
    return raw, ""


def open_text(file: File) -> Text:
    """Raises DataError (65) for what is empty, no text, or in no encoding that is known."""
    stream, packed = unpacked(file)
    with stream:
        sample = stream.read(SAMPLE)
    require_kind(sample, file)
    codec, encoding = encoding_of(sample, file)
    head = codecs.getincrementaldecoder(codec)("replace").decode(sample)
    first_line = head.lstrip().partition("\n")[0][:1000]
    if CONTROL.search(first_line):
        raise DataError(
            f"The source {file.shown} is not text: its first line holds control characters (NUL bytes or the like).",
            remedy="Check that the file named in FINETUNE_DATA_SOURCES is whole, and that its ending says what it is.",
        )
    return Text(file, codec, head, len(sample) < SAMPLE, (encoding, packed))


def require_kind(begin: bytes, file: File, but: bytes = b"") -> None:
    """`but`: how a file of the right kind begins. Raises DataError (65) for an empty file, and for one of another kind than its
    name says."""
    if not begin.strip(b"\xef\xbb\xbf\xff\xfe\t\r\n "):  # a byte order mark is no content
        raise DataError(
            f"The source {file.shown} is empty.", remedy="Check what wrote the file named in FINETUNE_DATA_SOURCES."
        )
    if but and begin.startswith(but):
        return
    found = next((words for signature, words in SIGNATURES if begin.startswith(signature)), "")
    if not found and PAGE.match(begin):
        found = "a web page or XML"
    if not found and but:
        found = f"something that begins with {begin[:20]!r}"
    if found:
        raise DataError(
            f"The source {file.shown} is not what its name says: it is {found}.",
            remedy="Save the rows in a format that FINETUNE_DATA_SOURCES takes, under a name with its ending.",
        )


def encoding_of(sample: bytes, file: File) -> tuple[str, str]:
    """(codec, words): a mark at the beginning decides, then NUL bytes, then whether it is UTF-8, then charset-normalizer.

    A few broken characters in UTF-8 do not make it another encoding. Raises DataError (65) for one that is not known.
    """
    for mark, codec, words in MARKS:
        if sample.startswith(mark):
            return codec, words
    if b"\0" in sample:
        marks = {codec: _marks_in(sample, codec) for codec in ("utf-16-le", "utf-16-be")}
        best = max(marks, key=lambda codec: marks[codec])
        if marks[best] > max(3 * min(marks.values()), len(sample) / 200):  # a stray NUL makes no UTF-16
            return best, f"{best.upper()} without a byte order mark"
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(sample)
    broken = len(re.findall("[\udc80-\udcff]", text))
    right = len(re.findall("[^\0-\x7f\ud800-\udfff]", text))
    if broken < 2 or broken <= right:
        return "utf-8", "UTF-8"
    return (found := _detected(sample, file)), found.replace("_", "-")


def _marks_in(sample: bytes, codec: str) -> int:
    """Line ends, blanks and punctuation, which are letters in the wrong order of bytes; 0 if it is no text."""
    try:
        text = codecs.getincrementaldecoder(codec)().decode(sample)
    except UnicodeDecodeError:
        return 0
    return 0 if "\0" in text else sum(map(text.count, '\n ",;:.{'))


def _detected(sample: bytes, file: File) -> str:
    import charset_normalizer

    odd = len(re.findall(rb"[\x80-\xff]", sample))
    if odd < LEAST_SHARE * len(sample) and not re.search(rb"[\x81\x8d\x8f\x90\x9d]", sample):
        return "cp1252"
    lines = b"\n".join(line for line in sample.split(b"\n") if not line.isascii())[:65_536]
    end = max(lines.rfind(mark) for mark in (b'"', b" ", b"\n", b","))  # no encoding has them inside a character
    found = charset_normalizer.from_bytes(lines[: end + 1] or lines, cp_isolation=list(ENCODINGS))
    best = found.best()
    if best is None:
        raise DataError(
            f"The encoding of the source {file.shown} is not known: it is not UTF-8, and does not look like UTF-16, "
            f"{', '.join(name.replace('_', '-') for name in ENCODINGS)}.",
            remedy="Save the file named in FINETUNE_DATA_SOURCES as UTF-8.",
        )
    plausible = {match.encoding for match in found} if best.language == "Unknown" else best.could_be_from_charset
    return "cp1252" if "cp1252" in plausible else best.encoding  # of several that fit, by far the most common


def lines(text: TextIO, file: File) -> Iterator[str]:
    """Raises DataError (65) for a line that is too long to be one."""
    for number, line in enumerate(iter(lambda: text.readline(rows.MOST_LINE + 1), ""), 1):
        if len(line) > rows.MOST_LINE:
            raise DataError(
                f"Line {number:,} of the source {file.shown} has more than {rows.MOST_LINE:,} characters.",
                remedy="Check the file named in FINETUNE_DATA_SOURCES; .jsonl and .csv hold one row per line.",
            )
        yield line
