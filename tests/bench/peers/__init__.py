"""The implementations that ours are compared with, each as its own users would write it."""
