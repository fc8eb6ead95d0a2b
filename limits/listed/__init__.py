"""Lists of clients, as people have them at hand: from the lines of a text to the overrides that they mean."""
