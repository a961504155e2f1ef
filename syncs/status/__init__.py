"""The sync state that pages, the API, the admin and commands show."""
