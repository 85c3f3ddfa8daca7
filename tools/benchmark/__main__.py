"""``python -m tools.benchmark``."""

import sys

from tools.benchmark.command_line import main

if __name__ == "__main__":
    sys.exit(main())
