"""One use case is one function is one transaction; no network, no clock, no event loop."""
