"""Working stand-ins for the ports, for tests of what uses them."""
