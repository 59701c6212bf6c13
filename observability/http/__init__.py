"""HTTP/1.1 as our hops speak it."""
