"""The same small service in every framework, for the tests to serve."""
