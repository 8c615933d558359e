"""The Train tab: the form that starts a run, and the panel that watches runs."""
