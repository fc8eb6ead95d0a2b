"""The drill: back up, destroy server and database, bring both back, compare. It touches nothing of this site."""
