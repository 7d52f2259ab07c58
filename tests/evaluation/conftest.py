"""What evaluations are about does not depend on how well an attack does."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _short(short_attacks: None) -> None:
    """Searches are short."""
