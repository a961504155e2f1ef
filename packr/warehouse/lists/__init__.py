"""The data screens as data: columns, filters, search, pages and CSV, without a request."""
