"""The first page of the admin: how limits and Redis are doing, as values that a template shows.

Facts are gathered in a few queries, judged by functions that ask nobody, and drawn by plain geometry.
"""
