"""The container composition on a real Docker engine, which these tests bring with them."""
