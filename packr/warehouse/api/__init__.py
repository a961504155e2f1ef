"""The warehouse by program: what the mirror holds of each entity, and what changes of it."""

from .data import urlpatterns as reading

urlpatterns = [*reading]
