"""Addresses and paths, as people type them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixace.errors import UsageError
from pixace.zoo.source import source_of


@pytest.mark.parametrize(
    ("typed", "source"),
    [
        ("https://example.com/m.gz", "https://example.com/m.gz"),
        ("http://example.com/m.gz", "http://example.com/m.gz"),
        ("file:///tmp/a%20b.gz", Path("/tmp/a b.gz")),
        ("file://localhost/tmp/m.gz", Path("/tmp/m.gz")),
        ("models/m.gz", Path("models/m.gz")),
        ("~/m.gz", Path.home() / "m.gz"),
        ("C:m.gz", Path("C:m.gz")),
    ],
)
def test_addresses_and_paths_are_told_apart(typed: str, source: str | Path) -> None:
    assert source_of(typed) == source


def test_a_link_to_a_file_of_drive_becomes_its_address() -> None:
    link = "https://drive.google.com/file/d/1Uh7Cd-kjYLhs7SjlFROKuUyT9Vv8h-5i/view?usp=sharing"
    assert "id=1Uh7Cd-kjYLhs7SjlFROKuUyT9Vv8h-5i" in str(source_of(link))


@pytest.mark.parametrize(
    "typed", ["", "a\0b", "s3://bucket/m", "file://host/m", "http://[x/m", "~nobody-here/m", 7]
)
def test_what_is_neither_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="url"):
        source_of(typed)
