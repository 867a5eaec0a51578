"""What a start says at its end: a negative verdict, whichever start found it, and that nothing was published."""

from __future__ import annotations

from pathlib import Path

import pytest

from job import pipeline
from job.errors import JobError, NoBetter, Worse
from job.results import Exported, Probed, Pushed, PushedRepo
from job.stages import Run, Stage
from tests.sample_results import PROBED, verdict
from tests.test_pipeline import Left, run_tiny, settings


@pytest.mark.light
@pytest.mark.parametrize(("value", "error"), [("worse", Worse), ("no better", NoBetter)])
def test_a_start_that_ends_before_the_probe_leaves_a_negative_verdict_as_it_is(
    value: str, error: type[JobError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probed = PROBED.model_copy(update={"verdict": verdict(value)})
    texts = iter("ab")

    def leave_rows(run: Run) -> Left:
        (run.root / "rows").write_text(next(texts), "utf-8")
        return Left(rows_path="rows")

    def leave_adapter(run: Run) -> Probed:
        for path in (probed.adapter_path, probed.samples_path, probed.losses_path):
            (run.root / path).mkdir(parents=True)
        return probed

    first = Stage("leave", "leave rows", ("rows",), lambda settings: {}, leave_rows, Left, long_work=False)
    asked = lambda settings: {"answers": settings.probe.answers}  # noqa: E731
    last = Stage("probe", "ask", (), asked, leave_adapter, Probed, replaceable=lambda result: True, long_work=False)
    monkeypatch.setattr(pipeline, "STAGES", (first, last))
    monkeypatch.setattr(pipeline, "check_host", lambda *_: None)
    run_tiny(tmp_path, settings(monkeypatch, STAGES="leave"))
    for stages in ("", "leave", "probe"):
        with pytest.raises(error, match=str(verdict(value).sentence)):
            run_tiny(tmp_path, settings(monkeypatch, STAGES=stages))
    run_tiny(tmp_path, settings(monkeypatch, STAGES="leave", HUB_PUSH_WHEN="always"))
    run_tiny(
        tmp_path, settings(monkeypatch, STAGES="leave", HUB_PUSH_WHEN="better", PROBE_ANSWERS="50")
    )  # nor of these
    settings(monkeypatch, PROBE_ANSWERS="200")
    (tmp_path / "rows").unlink()
    run_tiny(tmp_path, settings(monkeypatch, STAGES="leave", HUB_PUSH_WHEN="better"))  # of other rows nothing is known


@pytest.mark.light
@pytest.mark.parametrize(
    ("pushed", "said"),
    [
        (Pushed(skipped=True, reason="it is public.", repositories=[]), "published=false: it is public."),
        (
            Pushed(skipped=False, reason="", repositories=[], held_private=True),
            "public=false: the verdict is inconclusive",
        ),
    ],
)
def test_every_start_says_that_nothing_is_public_although_a_repository_is_named(
    pushed: Pushed, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    card = tmp_path / pushed.card_path
    card.parent.mkdir()
    card.write_text("card", "utf-8")
    push = Stage("push", "publish", (), lambda settings: {}, lambda run: pushed, Pushed, long_work=False)
    monkeypatch.setattr(pipeline, "STAGES", (push,))
    monkeypatch.setattr(pipeline, "check_host", lambda *_: None)
    for reused, wanted in (  # always publishes, so it wants a repository
        ([], settings(monkeypatch, HUB_REPO_ID="owner/adapter")),
        (["push"], settings(monkeypatch, HUB_REPO_ID="", HUB_PUSH_WHEN="always")),
    ):
        caplog.clear()
        assert run_tiny(tmp_path, wanted).reused == reused
        assert f"stage=end {said}" in caplog.text


@pytest.mark.light
def test_a_start_that_adds_forms_to_what_was_pushed_says_that_the_repository_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    repository = PushedRepo(kind="model", repo_id="a/b", commit="c" * 40, url="https://hub.example", files=1, bytes=1)
    pushed = Pushed(skipped=False, reason="", repositories=[repository])
    (tmp_path / pushed.card_path).parent.mkdir()
    (tmp_path / pushed.card_path).write_text("card", "utf-8")
    exported = Exported(forms=[], lora_files=[], merged_path=None)
    forms = lambda settings: {"forms": list(settings.export)}  # noqa: E731
    stages = (
        Stage("export", "write", (), forms, lambda run: exported, Exported, replaceable=lambda _: True, only_adds=True),
        Stage("push", "publish", (), lambda settings: {}, lambda run: pushed, Pushed, long_work=False),
    )
    monkeypatch.setattr(pipeline, "STAGES", stages)
    monkeypatch.setattr(pipeline, "check_host", lambda *_: None)
    caplog.set_level("INFO")
    for export, said in (("adapter", False), ("adapter", False), ("adapter,lora", True)):
        caplog.clear()
        run_tiny(tmp_path, settings(monkeypatch, HUB_REPO_ID="owner/adapter", EXPORT=export))
        assert ("stage=end pushed=unchanged" in caplog.text) == said
