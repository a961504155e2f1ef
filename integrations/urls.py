from django.urls import path

from . import views

urlpatterns = [
    path("", views.integrations, name="integrations"),
    path("connect/", views.catalogue, name="catalogue"),
    path("connect/<slug:wms>/", views.connect, name="connect"),
    path("connect/<slug:wms>/check/", views.confirm, name="connect_confirm"),
    path("<int:pk>/refresh/", views.refresh, name="refresh"),
    path("<int:pk>/reconnect/", views.reconnect, name="reconnect"),
    path("<int:pk>/reconnect/check/", views.confirm_other, name="reconnect_confirm"),
    path("<int:pk>/disconnect/", views.disconnect, name="disconnect"),
]
