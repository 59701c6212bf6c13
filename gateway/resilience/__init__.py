"""What keeps a failing or slow service from taking its callers with it: one concern a module."""
