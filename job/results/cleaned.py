"""What stage 1 hands on: the cleaned rows, and what each rule did."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from job.results.result import Result


class Evidence(Result):
    """What a sample of a source shows of the damage that a pack of cleaning rules mends."""

    pack: str
    rows: int
    """Exchanges of question and answer with the sign, of `seen`: for contact data those with a question."""
    seen: int
    least: float
    """Share of rows from which the pack is on."""
    on: bool
    example: str
    """The first sign, without contact data; empty for personal data."""


class SourceCount(Result):
    """What became of one source. `revision` is the commit that was read; empty for files."""

    source: str
    revision: str
    format: str
    """Kind of file, separator, encoding and compression, in words."""
    layout: str
    rows_in: int
    rows_out: int
    list_rows: dict[str, int]
    """Rows whose answer is a list, by its kind (numbered, bulleted, flattened), before their share is capped."""
    packs: list[str]
    """Packs of cleaning rules that ran."""
    evidence: list[Evidence]
    """Why, where FINETUNE_DATA_CLEANING is auto; else empty."""


class Example(Result):
    """An excerpt around what a rule changed. Rules that remove personal data have none."""

    before: str
    after: str


class RuleCount(Result):
    """What one cleaning rule did to the rows that it saw."""

    seen: int
    changed: int
    dropped: int
    skipped: int
    """Rows that passed it by, in a language that it does not know."""
    exchanges: int = 0
    """Cut from conversations that stay, since the rule drops them."""
    characters_removed: int
    examples: list[Example]


class RepeatedSentence(Result):
    """A sentence, or several together, with which rows of a source begin or end; see job/cleaning/repeated.py."""

    source: str
    side: Literal["question_begin", "question_end", "answer_begin", "answer_end"]
    text: str
    rows: int
    share: float
    """Different contexts, as a share of the different rows of the source."""
    fate: Literal["cut", "can_be_cut", "stays"]
    """can_be_cut: FINETUNE_DATA_REPEATED=cut would remove it from answers."""


class TokenCounts(Result):
    """Lengths of the kept rows: rows[i] have i * step + 1 to (i + 1) * step tokens."""

    step: int
    rows: list[int]
    rows_above: int
    """Rows dropped by the limit."""
    longest_above: int
    median: int


class MaskedRow(Result):
    """A training row as the model sees it: the tokens of each (begin, end) in `learned` are trained on."""

    tokens: list[str]
    learned: list[tuple[int, int]]


class Cleaned(Result):
    """Stage 1. rows_in == train_rows + eval_rows + sum(dropped.values()).

    The names in `dropped` and `rules` are those of job/cleaning/rules/registry.py.
    """

    rows_in: int
    train_rows: int
    eval_rows: int
    dropped: dict[str, int]
    sources: list[SourceCount]
    rules: dict[str, RuleCount]
    """In the order in which they ran."""
    rules_sha256: str
    """Over the rules, their code and their options."""
    repeated: list[RepeatedSentence] = Field(default_factory=list)
    """Empty also where FINETUNE_DATA_REPEATED is off."""
    near_duplicate_groups: int
    plain_split_leaked_rows: int
    """Evaluation rows that a plain random split would have leaked: training would hold the same text, the same question or a
    near duplicate. The job's own split keeps such rows together."""
    plain_split_eval_rows: int
    split_leaked_rows: int = 0
    """The same of the job's own split: none, unless every set of such rows is too large to be held out whole."""
    conversations: int = 0
    """Kept rows that are more than one exchange."""
    texts: int = 0
    """Kept rows of plain text."""
    turns_in: int = 0
    """Turns of the conversations that are not dropped, as they came."""
    turns_out: int = 0
    """The same after the rules and the limit on tokens."""
    turn_notes: dict[str, int] = Field(default_factory=dict)
    """What was done to turns of conversations: the names of NOTES in job/cleaning/rules/registry.py, with their counts."""
    token_counts: TokenCounts
    masked_rows: list[MaskedRow]
    system_prompt: str
    """The prompt of most rows; the probe and the model card use it."""
    system_in_user_turn: bool
    """The chat template has no system role: rows and questions carry their system prompt in front of the question."""
    thinking_off: bool
    """The chat template was rendered with enable_thinking=False throughout."""
    stop_token: str
    """The token that ends every answer in training and in the probe."""
    train_tokens: int
    answer_tokens: int
    longest_tokens: int
    train_path: str
    eval_path: str
    dropped_path: str
    sha256: str
    """Over the bytes of the train and eval rows: what the next stages depend on."""

    @property
    def only_texts(self) -> bool:
        """Whether every row is plain text, which training gives no chat template."""
        return self.texts == self.train_rows + self.eval_rows
