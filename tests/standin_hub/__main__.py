"""The stand-in Hub from a shell: ``python -m tests.standin_hub --token hf_x`` prints its address and serves.

It prints ``{"url": ...}`` and runs until it is stopped. With ``--state DIR`` it starts from
``DIR/{models,datasets}/OWNER/NAME``, keeps ``main`` there and logs to ``DIR/requests.jsonl``. ``POST /_fail`` takes the
arguments of ``StandInHub.fail`` as JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import threading
from pathlib import Path

from tests.standin_hub.hub import StandInHub


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve a stand-in Hugging Face Hub on the loopback interface.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--token", action="append", default=[], metavar="TOKEN[=USER:ROLE]", help="may be repeated")
    parser.add_argument("--state", type=Path, help="a folder to start from and to write to")
    args = parser.parse_args()
    tokens: dict[str, str | tuple[str, str]] = {}
    for given in args.token:
        token, _, who = given.partition("=")
        user, _, role = (who or "tester:write").partition(":")
        tokens[token] = (user, role or "write")
    if args.state:
        args.state.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # whoever starts it may ignore that, and then wait for its end
    with StandInHub(tokens, port=args.port, state=args.state) as hub:
        print(json.dumps({"url": hub.url}), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
