"""Grafana dashboards as code: `./nextphase dashboards` writes generated/ from the modules here."""
