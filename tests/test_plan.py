def test_a_plan_does_not_wait_for_a_hub_that_is_not_there(tmp_path: Path) -> None:
    """Its client alone would try for two minutes."""
    hub = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "FINETUNE_DATA_SOURCES": "quickstart"}
    command = [sys.executable, str(PROJECT / "entrypoint.py"), "plan"]
    found = subprocess.run(command, env={**os.environ, **hub}, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stderr
    assert "sizes are unknown" in found.stdout
