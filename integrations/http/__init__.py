"""HTTP requests to a WMS. No other package talks to the network."""
