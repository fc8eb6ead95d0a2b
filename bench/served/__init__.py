"""The portal as the benchmark of refusals serves it: with our limiter, or with a peer in its place."""
