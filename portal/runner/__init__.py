"""`make run`: everything that the portal needs, in one terminal."""
