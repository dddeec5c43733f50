"""Export to other tools: GeoTIFFs and their STAC catalogue."""
