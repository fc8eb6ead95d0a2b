"""Alerts: what is compared, which state that leads to, and which message is due."""
