"""``python -m fastcl`` is the command line."""

import sys

from fastcl.cli import main

if __name__ == "__main__":
    sys.exit(main())
