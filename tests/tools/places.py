"""Where things are in this repository."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
LEGACY = FIXTURES / "legacy_checkpoints"
