"""The children that run today's peers, and none of ours."""
