"""Everything that a user asks of a release."""
