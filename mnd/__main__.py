"""`python -m mnd` is the command `mnd`."""

import sys

from mnd.cli import main

if __name__ == "__main__":
    sys.exit(main())
