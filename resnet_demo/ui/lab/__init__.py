"""The Lab tab: plain against residual networks, raced on the page."""
