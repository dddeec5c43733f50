"""What leaves the stores for other tools: GeoTIFFs and the STAC catalogue of them."""
