"""Drawings as SVG, one module per kind: cells on a plane, heat maps, dots. Same input, same bytes; no global state."""
