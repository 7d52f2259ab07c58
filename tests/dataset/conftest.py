"""A tiny target, pictures for it, and an engine without processes."""

from tests.helpers.protecting import card, dst, protect, src  # noqa: F401
