"""The Classify tab: pictures in, names and probabilities out."""
