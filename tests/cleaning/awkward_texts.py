"""Texts that bring a careless pattern to its knees, of any length: each repeats what a rule begins to match."""

from __future__ import annotations

PARTS: tuple[str, ...] = (
    # One sign, many times.
    *("a", " ", "\n", "\t", "\\", "`", "$", "|", "{", "[", "(", "<", "'", '"', "-", ".", "@", "/", "=", "1", "A", "é", "\u00a0", "水"),
    # What opens and never closes.
    *("{{", "[[", "{|", "```\n", "`a ", "$a ", "\\[", "\\(", "\\begin{a}", "<ref>", "<!--", "(", "''a ", "[http://a "),
    # What almost matches.
    *("\\u00", "\\n", "\\nA", "\\s ", "a\\", "\\\\a", "C:\\a", "/a", "/a ", "a/b/", "http://a ", "www.a ", "a@b ", "a@", "a.b@c."),
    *("a. ", "a.A", "Dr. ", "1. ", "1.", "- a\n", "| a ", "| a |\n", "a\tb\n", "a = 1\n", "f(", "f()\n", "if (", "def a(", "<a ", "</a>"),
    *("hello ", "Hello. ", "thanks ", "thanks, ", "regards\n", "hope ", "dear a ", "please write a ", "write ", "my name is ", "I am A "),
    *("call ", "555 ", "5551234 ", "+1 ", "(555) ", "12-", "LeafTalk ", "Leaf Talk", "ChatChat", "Template:A ", "Category:A ", "12:00, "),
    *("== a ==\n", "= ", "(a: ", "a, ", "as follows ", "the following ", "Hope this helps. ", "[your ", "(removed ", "Category", "File::"),
    *("\\frac{", "\\alpha ", "\\w+", "[^a]+", "(?:", "a;\n", "a {\n", "}\n", "A " * 3, "Aa ", "Â", "ã€", "\u202e", "\U000f0000", "की "),
    *("{{ a ", "{{#a ", "[[ ", "[[a] ", "'''a", "\n> a", "--\n", "if you a ", "so that i can ", "Q: a\n", "// a\n", "good luck is "),
)  # fmt: skip


def awkward(length: int) -> list[str]:
    """A text of this length for each part."""
    return [(part * (length // len(part) + 1))[:length] for part in PARTS]
