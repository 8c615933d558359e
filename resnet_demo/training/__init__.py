"""One training loop, for the page, the command line and the lab."""
