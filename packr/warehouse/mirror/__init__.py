"""The mirror of the WMS: how records lie in it, and everything that writes them."""
