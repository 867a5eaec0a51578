"""Prints the image's bill of materials (CycloneDX 1.6) from lock files: `python sbom.py VERSION common.txt cuda.txt`.

Run in the image's environment. It ends with exit code 1 if what is installed is not what the locks say. Packages of the base
image are not listed: scanners read those from /var/lib/dpkg.
"""

from __future__ import annotations

import json
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PIN = re.compile(r"^([a-z0-9._-]+)==(\S+)", re.MULTILINE)


def pins(paths: list[str]) -> dict[str, str]:
    return {name: version for path in paths for name, version in PIN.findall(Path(path).read_text("utf-8"))}


def installed() -> dict[str, metadata.Distribution]:
    return {re.sub(r"[-_.]+", "-", found.name).lower(): found for found in metadata.distributions()}


def purl(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version.replace('+', '%2B')}"


def component(name: str, version: str, distribution: metadata.Distribution) -> dict[str, Any]:
    entry = {"type": "library", "bom-ref": purl(name, version), "name": name, "version": version}
    entry["purl"] = entry["bom-ref"]
    about = distribution.metadata
    classifiers = [line.rpartition(" :: ")[2] for line in about.get_all("Classifier", []) if line.startswith("License")]
    if expression := about.get("License-Expression"):
        return entry | {"licenses": [{"expression": expression}]}
    names = classifiers or [line for line in (about.get("License") or "").splitlines()[:1] if line]
    return entry | {"licenses": [{"license": {"name": name}} for name in names]} if names else entry


def bill(paths: list[str], version: str) -> dict[str, Any]:
    """Raises SystemExit if what is installed differs."""
    locked, found = pins(paths), installed()
    here = {name: distribution.version for name, distribution in found.items()}
    if different := sorted(set(locked.items()) ^ set(here.items())):
        raise SystemExit(f"installed packages are not those of the locks: {different}")
    job = {"type": "application", "bom-ref": "lora-job", "name": "lora-job", "version": version}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": job},
        "components": [component(name, pin, found[name]) for name, pin in sorted(locked.items())],
        "dependencies": [{"ref": "lora-job", "dependsOn": [purl(*pin) for pin in sorted(locked.items())]}],
    }


if __name__ == "__main__":
    print(json.dumps(bill(sys.argv[2:], sys.argv[1]), indent=1))
