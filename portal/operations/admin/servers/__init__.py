"""Redis servers in the admin: the list, and the page of each."""
