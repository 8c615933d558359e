"""Pictures in, names and probabilities out."""
