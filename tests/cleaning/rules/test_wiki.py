"""Wiki markup goes, its words stay."""

from __future__ import annotations

import pytest

from tests.cleaning.rules.one_row import cleaned

pytestmark = pytest.mark.examples


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("A [[fern|ferny plant]] grows in [[shade]].", "A ferny plant grows in shade."),
        ("Ferns (pronunciation: {{IPA|x}}) grow.<ref>Moss, 1999</ref>", "Ferns grow."),
        ("Ferns grow.\nTemplate:Plant Sources", "Ferns grow."),
        ("Ferns '''grow''' in shade.\n[[Category:Plants]]", "Ferns grow in shade."),
        ("Ferns {{grow in shade.", "wiki_markup"),
        ("Ferns <!-- a\nb -->grow<!-- c --> here <!-- and there.", "Ferns grow here <!-- and there."),
        ("Ferns grow.\n{| class=a\n| b\n|}\nThey like {| shade.", "Ferns grow.\n\nThey like {| shade."),
        ("Ferns <!-- " + "a" * 2001 + " --> grow. <!-- b -->", "Ferns <!-- " + "a" * 2001 + " --> grow."),
        ("We have y'' = 2y and f''(x) = ''slow'' growth.", "We have y'' = 2y and f''(x) = slow growth."),
        ("Ferns grow {{cite web | url = x}} in {{#ev:video|x}} shade.", "Ferns grow in shade."),
        ("Ferns [[fern]] and [[1999]] grow.\n|-\n| a || b", "wiki_markup"),
        (
            "HTML has <b>, see [[Category:Formats]] [http://a.org here] and {{name}}.",
            "HTML has <b>, see here and {{name}}.",
        ),
        ("A <b>fern</b> grows in [http://a.org/b the shade].", "A fern grows in the shade."),
        ("Ferns grow.\nMoss 12:00, 1 May 2005 (UTC)", "Ferns grow."),
        ("== Ferns ==\nThey grow.\nFile:Fern at night", "Ferns\nThey grow."),
        ("[[File:Fern.jpg|A fern]] Ferns grow.", "Ferns grow."),
        (
            "See Category:Plants and Template:Fern; both list it.",
            "See Category:Plants and Template:Fern; both list it.",
        ),
        ("Ferns grow. Category:Plants Category:Ferns", "Ferns grow."),
        ("Place a <ref>...</ref> behind the sentence.", "Place a <ref>...</ref> behind the sentence."),
        ("Use this template and type this:\n{{fern|size}}", "Use this template and type this:\n{{fern|size}}"),
        ("The type of moss grows. {{Fern}} It is green.", "The type of moss grows. It is green."),
        ("pots[[1]] = {{1,2},{3,4}}", "pots[[1]] = {{1,2},{3,4}}"),
        ("a < b and c > d, 5 == 5", "a < b and c > d, 5 == 5"),
        ("If a < b, call print() and stop (see: ).", "If a < b, call print() and stop (see: )."),
    ],
)
def test_wiki_markup_goes_and_its_words_stay(text: str, rest: str) -> None:
    assert cleaned(text) == rest
