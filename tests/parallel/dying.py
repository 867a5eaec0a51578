"""A worker whose native code ends it: `words` on standard error, as C++ writes them, then SIGABRT."""

from __future__ import annotations

import json
import os
import sys

if __name__ == "__main__":
    os.write(2, json.load(sys.stdin)["words"].encode())
    os.abort()
