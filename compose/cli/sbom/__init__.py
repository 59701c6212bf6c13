"""The software bill of materials: what an instance of this checkout runs, in CycloneDX's format."""
