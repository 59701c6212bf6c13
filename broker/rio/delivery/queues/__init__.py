"""Unsettled messages of one subscription, in the order in which they are delivered."""
