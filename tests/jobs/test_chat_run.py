"""A data set of chats through the whole job: every answer is trained on, as the mask in the report shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import metrics_of, small_run, write_rows


@pytest.mark.slow
@pytest.mark.usefixtures("round_trip_here")
def test_chats_are_trained_on_every_turn(
    command: Callable[..., int], base: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = []
    for number in range(24):
        said = [
            (f"Why is plant {number} pale?", f"Hello. Plant {number} stands too dark, so move it to a window."),
            ("How often do I water it?", f"Water it every {number} days and let it dry in between."),
        ]
        turns = [
            {"from": who, "value": text} for both in said for who, text in zip(("human", "gpt"), both, strict=True)
        ]
        if number < 12:
            turns += [
                {"from": "human", "value": "Which shelf is it on?"},
                {"from": "function_call", "value": json.dumps({"name": "shelf_of", "arguments": {"plant": number}})},
                {"from": "observation", "value": json.dumps({"shelf": number + 40})},
                {"from": "gpt", "value": f"It is on shelf {number + 40}."},
            ]
        rows.append({"conversations": turns, "system": "You know plants."})
    texts = [{"text": f"Shelf {number} holds {number} pots of fern, moss and ivy in the shade."} for number in range(8)]
    path, more = write_rows(tmp_path / "rows.jsonl", rows), write_rows(tmp_path / "texts.jsonl", texts)
    output = tmp_path / "output"
    assert command(small_run(base, path, output, DATA_SOURCES=f"{path},{more}", TRAIN_MAX_TOKENS="512")) == 0
    log = capfd.readouterr().out
    assert "layout='conversations (ShareGPT)'" in log
    assert "layout='text, trained as a whole'" in log
    cleaned = metrics_of(output)["clean"]
    assert (cleaned["conversations"], cleaned["texts"], cleaned["dropped"]) == (24, 8, {})
    assert [len(row["learned"]) for row in cleaned["masked_rows"]] == [4, 4, 4]
    assert cleaned["turn_notes"] == {"calls_as_text": 12}
    page = (output / "report.html").read_text("utf-8")
    first = page.partition('class="answer masked"')[2].partition("</div>")[0]
    marked = [piece.partition("</mark>")[0] for piece in first.split("<mark>")[1:]]
    assert len(marked) == 4
    assert "stands too dark" in marked[0]
    assert "Hello" not in first
    assert "let it dry" in marked[1]
    assert marked[2].startswith("{&#34;name&#34;: &#34;shelf_of&#34;")
    assert "on shelf 4" in marked[3]
    assert "{&#34;shelf&#34;: 4" in first and not any("&#34;shelf&#34;" in piece for piece in marked)
    samples = [json.loads(line) for line in (output / "probe" / "samples.jsonl").read_text("utf-8").splitlines()]
    assert len(samples) == 2
    assert all(sample["reference"] for sample in samples)
