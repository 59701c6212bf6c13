"""What all tests share."""

from hypothesis import HealthCheck, settings

# How long a machine takes is not what properties are about.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
