from django.urls import path

from . import views

urlpatterns = [
    path("", views.index, name="help"),
    *(path(f"{page.path}/", views.page, {"page": page}, name=page.name) for page in views.PAGES),
    path("contact/", views.contact, name="help_contact"),
]
