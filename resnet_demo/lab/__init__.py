"""Experiments that reproduce what the paper claims."""
