"""Alerts and their rules in the admin: what is under way, the page of each, its history, and the form of a rule."""
