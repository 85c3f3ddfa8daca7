"""``python -m tools.pretraining``."""

import sys

from tools.pretraining.command_line import main

if __name__ == "__main__":
    sys.exit(main())
