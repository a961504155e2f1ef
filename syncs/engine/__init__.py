"""One slice of one run: pages are fetched, compared and written under a lease, then the run is completed."""
