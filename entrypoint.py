"""The command of the image: `python entrypoint.py [run|plan|manifest TARGET] [--env-file FILE]`, the same as `lora-job`."""

import sys

from job.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
