"""The Inspect tab: what goes on inside a network for one picture."""
