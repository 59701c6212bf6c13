"""Keeps telemetry stores and log files of a native instance within the sizes of compose/platform.yaml.

The oldest goes first. Prometheus bounds its own store; what is done to the others is in the module of each.
Sizes are those of the blocks that files take on disk: some files of Jaeger are much longer than that.
"""
