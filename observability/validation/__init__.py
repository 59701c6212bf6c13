"""Texts that standards define: formats of JSON Schema, their grammar, JSON Pointers."""
