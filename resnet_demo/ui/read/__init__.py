"""The Read tab: the article's way through residual networks, each step with a live figure."""
