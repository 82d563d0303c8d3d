"""File names that users choose become safe names of local files."""

import pytest

from service.uploads import filenames


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\nets\\big.keras", "big.keras"),
        ("a\x00b\nc\u202e.h5", "abc.h5"),
        ("..", "upload"),
        ("/", "upload"),
        ("x" * 900 + ".tar.gz", "x" * 193 + ".tar.gz"),
        ("ß" * 300 + ".h5", "ß" * 98 + ".h5"),
    ],
)
def test_file_names_become_safe(given: str, kept: str) -> None:
    assert filenames.safe(given) == kept
