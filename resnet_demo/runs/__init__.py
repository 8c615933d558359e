"""Runs on disk: the store, the worker that trains, and the control that starts and stops it."""
