"""Pages to look at: explore.html of an AOI and the index of all of them. Each is one file that needs no network."""
