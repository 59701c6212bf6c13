"""The data sources, by the uids that provisioning/ gives them."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import DataSourceRef

PROMETHEUS: Final = DataSourceRef(type_val="prometheus", uid="prometheus")
LOKI: Final = DataSourceRef(type_val="loki", uid="loki")
