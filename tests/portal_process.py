"""A whole running portal, as `make run` runs it."""
