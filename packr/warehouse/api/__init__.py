"""API of the warehouse: records, the feed of their changes, and changes sent to the WMS."""

from .action_requests import urlpatterns as sending
from .actions import urlpatterns as following
from .records import urlpatterns as reading

urlpatterns = [*reading, *sending, *following]
