"""People: registration, login, password reset."""
