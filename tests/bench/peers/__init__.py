"""What the benchmarks measure ours beside: each as its own users would write it."""
