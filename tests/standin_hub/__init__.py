"""A small Hugging Face Hub on the loopback interface, for tests that use the real clients without a network.

It keeps models and data sets in memory and speaks the part of the Hub's HTTP interface that ``huggingface_hub``,
``datasets`` and ``transformers`` use with ``HF_HUB_DISABLE_XET=1``.

    with StandInHub(tokens={"hf_writer": ("alice", "write")}) as hub:
        hub.add_repo("model", "alice/base", {"config.json": b"{}"})
        subprocess.run(command, env=os.environ | hub.environment("hf_writer") | {"HF_HOME": cache})
        assert "adapter_model.safetensors" in hub.files("model", "alice/adapter")

From the inside out:

    messages      a request, a response, and a refusal in the form that the clients understand
    repositories  files, commits and repositories, in memory and, if wanted, in a folder
    access        who a token belongs to, and what that user may see and write
    uploads       cards, large files and commits
    downloads     one file, whole or a range
    routes        which address leads to which of these
    faults        requests that go wrong on purpose
    hub           StandInHub: what a test arranges and looks at
    server        HTTP: reads a request, lets the hub answer it, and cuts the connection where a fault says so
    __main__      the same from a shell: ``python -m tests.standin_hub --help``
"""

from tests.standin_hub.hub import StandInHub

__all__ = ["StandInHub"]
