"""Reading the servers that this site rests on: which there are, and what each says of itself."""
