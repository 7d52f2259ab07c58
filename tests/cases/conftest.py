"""The situations of `tests/dataset`, for what other people have run into."""

from tests.helpers.protecting import card, dst, protect, src  # noqa: F401
