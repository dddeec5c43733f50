"""HTML pages: explore.html for each AOI, and the index of all AOIs. Each is one file that needs no network."""
