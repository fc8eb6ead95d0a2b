"""Redis backups: taken, proven, kept, restored."""
