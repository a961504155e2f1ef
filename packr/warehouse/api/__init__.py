"""The warehouse by program: what the mirror holds of each entity, what changes of it, and changing it at the WMS."""

from .action_requests import urlpatterns as sending
from .actions import urlpatterns as following
from .records import urlpatterns as reading

urlpatterns = [*reading, *sending, *following]
