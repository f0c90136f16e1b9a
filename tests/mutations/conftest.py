"""The checks that catch planted bugs are those of the other folders of tests."""

import sys
from pathlib import Path

for _folder in ("private", "privacy"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / _folder))
