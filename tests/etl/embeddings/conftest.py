"""Fixtures for tests that compute with torch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def one_thread() -> Iterator[None]:
    """torch on one thread.

    Its last digits change with the number of threads, and threads that wait for each other crawl where other tests
    keep the cores busy.
    """
    torch = pytest.importorskip("torch", reason="torch is an extra")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
