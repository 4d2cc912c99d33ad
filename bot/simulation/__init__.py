"""Replays or generates demand for GPUs and compares policies, with a virtual clock."""
