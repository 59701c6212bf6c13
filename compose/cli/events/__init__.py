"""Event types as code: typed models of the catalog's schemas, for services that emit or consume."""
