"""The warehouse by program: what the mirror holds of each entity, what changes of it, and changing it at the WMS."""

from .actions import urlpatterns as following
from .data import urlpatterns as reading
from .writing import urlpatterns as sending

urlpatterns = [*reading, *sending, *following]
