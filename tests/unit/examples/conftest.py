"""The example sites are folders to run, not packages to install: say where they are."""

import sys
from pathlib import Path

SEARCH = Path(__file__).parents[3] / "examples" / "search"

if str(SEARCH) not in sys.path:
    sys.path.insert(0, str(SEARCH))
