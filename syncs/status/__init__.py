"""How fresh the data is and what runs did: what pages, the API and commands read."""
