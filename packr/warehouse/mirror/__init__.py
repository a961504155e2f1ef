"""The mirror: Packr's copy of each WMS's records, and everything that writes it."""
