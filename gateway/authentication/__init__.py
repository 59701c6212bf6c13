"""Access tokens: how a request carries one, how it is verified, and the keys that it is verified with."""
