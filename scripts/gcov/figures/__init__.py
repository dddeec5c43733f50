"""Everything that is drawn: figures, maps and movies."""
