"""Errors that homodb raises, :class:`HomodbError` at their root."""

from homodb.schema.errors import *  # noqa: F403
