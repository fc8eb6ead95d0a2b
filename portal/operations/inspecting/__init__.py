"""Asking one server, live, for all that its page shows. It knows nothing of pages: frozen values go out."""
