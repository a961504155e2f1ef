"""The error of a request that Packr does not carry out."""

from http import HTTPStatus


class Refused(Exception):
    """A person's request that Packr does not carry out.

    The message says why and what to do. `field` is the field of the form that it is about, if it is about one.
    `status` is the HTTP status that pages and the API answer with.
    """

    def __init__(self, message: str, field: str = "", *, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.field = field
        self.status = status
