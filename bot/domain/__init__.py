"""The rules of Berth: pure functions and frozen values.

Nothing here reads a clock, a file, a socket or a random number, and nothing but the standard
library's pure parts is imported.
"""
