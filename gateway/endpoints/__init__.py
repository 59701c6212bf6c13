"""What a route can do: compose, proxy, call a handler, mock."""
