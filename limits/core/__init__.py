"""Rate limiting as plain values and arithmetic: standard library only, the time is always an argument."""
