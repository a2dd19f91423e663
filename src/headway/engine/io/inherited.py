"""What a replica has of headwayd's own environment."""

import os
import sys
from pathlib import Path


def inherited() -> dict[str, str]:
    """What every process needs to find its interpreter and its home, and nothing else of ours."""
    own = str(Path(sys.executable).parent)
    return {
        "PATH": f"{own}:{os.environ.get('PATH', os.defpath)}",
        "HOME": os.environ.get("HOME") or str(Path.home()),
        "LANG": "C.UTF-8",
    }
