"""``python -m tools.sample``."""

import sys

from tools.sample.make import main

if __name__ == "__main__":
    sys.exit(main())
