"""The base model's licence, and what it asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.publishing.licences import TERMS, Licence, licence_of


@pytest.mark.parametrize(
    ("readme", "licence"),
    [
        ("---\nlicense: llama3.2\ntags:\n- x\n---\n# Base\n", "llama3.2"),
        ('---\ntags: [a, b]\nlicense: "apache-2.0"  # ours\n---\n', "apache-2.0"),
        ("---\r\nlicense: mit\r\n---\r\n", "mit"),
        ("---\nlicense:\n- mit\n- other\n---\n", ""),
        ("---\nlicense:\n- cc-by-4.0\n---\n", "cc-by-4.0"),
        ("---\nlicense: [mit\n---\n", ""),
        ("---\n- license\n---\n", ""),
        ("---\ntags: []\n---\nlicense: mit\n", ""),
        ("# Base\n\nlicense: mit\n", ""),
        ("", ""),
    ],
)
def test_the_licence_is_read_from_the_front_matter(readme: str, licence: str, tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_bytes(readme.encode())
    assert licence_of(path).id == licence


def test_a_readme_that_cannot_be_read_names_no_licence(tmp_path: Path) -> None:
    assert licence_of(tmp_path / "README.md") == Licence()
    (tmp_path / "README.md").write_bytes(b"---\nlicense: \xff\n---\n")
    assert licence_of(tmp_path / "README.md") == Licence()


def test_a_licence_of_its_own_comes_with_name_and_link(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("---\nlicense: other\nlicense_name: acme-research\nlicense_link: LICENSE\n---\n", "utf-8")
    assert licence_of(path) == Licence("other", "acme-research", "LICENSE")


def test_the_notice_that_a_licence_asks_for() -> None:
    llama = Licence("llama3.2")
    assert llama.notice.startswith("Built with Llama. Llama 3.2 is licensed under the Llama 3.2 Community License")
    assert (llama.name_begins, Licence("llama3").name_begins) == ("Llama", "Llama 3")
    assert "Gemma Terms of Use" in Licence("gemma").notice
    assert (Licence("mit").notice, Licence("mit").name_begins) == ("", "")
    assert len({terms.id for terms in TERMS}) == len(TERMS)
