"""Grafana dashboards as code: `python -m dashboards.generate` writes generated/ from the modules here."""
