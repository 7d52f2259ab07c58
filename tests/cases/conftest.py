"""The situations of `tests/dataset`, for what other people have run into."""

from dataset.conftest import card, dst, protect, src  # noqa: F401
