"""What becomes of a message: one outcome a module, over the two steps of `outcome.py`."""
