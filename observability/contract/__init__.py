"""The contract of telemetry: what every part of the platform tells of itself, and whether it does.

`contract.yaml` beside this folder is the contract; `contract` reads it, `audit` holds a live instance against
it by what its stores have.
"""
