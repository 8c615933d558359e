"""The command line: one sub-command, one short function."""
