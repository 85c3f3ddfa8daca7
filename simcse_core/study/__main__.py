from __future__ import annotations

import sys

from simcse_core.study.run import main

if __name__ == "__main__":
    sys.exit(main())
