"""Composition roots: the only places where settings, adapters and services meet."""
