"""Accepting events: `pipeline` has the steps in their order, every other module is one step."""
