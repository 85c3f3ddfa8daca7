"""``python -m tools.ready_made``."""

import sys

from tools.ready_made.command_line import main

if __name__ == "__main__":
    sys.exit(main())
