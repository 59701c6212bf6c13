"""The endpoints of routes: compose, proxy, handler, mock."""
