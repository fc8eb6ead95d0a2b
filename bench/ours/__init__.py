"""The children that run our own limiter."""
