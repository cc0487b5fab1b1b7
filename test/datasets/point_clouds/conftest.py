"""Shared by the tests of parsers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Outcome = Callable[[Callable[[], Any]], Any]


@pytest.fixture(scope="session")
def outcome() -> Outcome:
    """The result of a call, or the text of its ValueError; another exception fails the test."""

    def call(parse: Callable[[], Any]) -> Any:
        try:
            return parse()
        except ValueError as error:
            return str(error)

    return call
