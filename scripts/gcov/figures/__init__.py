"""Figures, maps and movies."""
