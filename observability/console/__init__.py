"""The console: pages in a browser over what the platform's stores, Rio and the catalog know."""
