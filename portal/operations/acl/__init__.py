"""Least privilege: the users of Redis that this installation needs, and what each may do."""
