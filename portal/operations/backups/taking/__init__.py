"""Taking a backup: which servers hold the data, and the ways in which it leaves them as a plain RDB file."""
