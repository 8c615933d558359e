"""Licences that a person may choose for the weights, by the Hub's names for them."""

LICENSES = ("apache-2.0", "mit", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-nc-4.0", "other")
