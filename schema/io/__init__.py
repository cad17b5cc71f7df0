"""Check, read and write files."""

from __future__ import annotations

from homodb.schema.io.files import (
    check_apart,
    check_ending,
    check_folder,
    check_output,
    check_there,
    ending_of,
    held_back,
    make_folder,
    must_end,
    read_lines,
    read_toml,
    reason,
    whole_file,
)

__all__ = [
    "check_apart", "check_ending", "check_folder", "check_output", "check_there", "ending_of", "held_back",
    "make_folder", "must_end", "read_lines", "read_toml", "reason", "whole_file",
]  # fmt: skip
