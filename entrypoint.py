"""The one command of the image: `python entrypoint.py [run|plan|manifest TARGET] [--env-file FILE]`."""

import sys

from job.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
