"""How good a network is, and how sure one may be of it."""
