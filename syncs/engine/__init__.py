"""One slice of one run: pages are fetched, compared and written under a lease, and what follows the last one."""
