"""Access to bills: the permission of the workspace decides, in every function that answers the question."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from guardian.shortcuts import assign_perm, remove_perm

from integrations import bill_access
from integrations.connectors.trackstar import Trackstar
from integrations.entities import Entity
from packr.workspaces.models import VIEW_BILLS, Role
from tests.kit import factories as make


def test_only_bills_need_a_permission() -> None:
    assert [entity for entity in Entity if bill_access.view_permission(entity)] == [Entity.BILLS]
    assert bill_access.hidden_entities(bills=False) == [Entity.BILLS]
    assert bill_access.hidden_entities(bills=True) == []
    wanted = [Entity.BILLS, Entity.ORDERS]
    assert bill_access.visible_entities(wanted, bills=False) == [Entity.ORDERS]
    assert bill_access.visible_entities(wanted, bills=True) == wanted


def test_permission_of_the_workspace_decides(db: None, monkeypatch: Any) -> None:
    offered = {**Trackstar.resources, Entity.BILLS: Trackstar.resources[Entity.PRODUCTS]}
    monkeypatch.setattr(Trackstar, "resources", offered)
    connection, other = make.connection(make.workspace()), make.workspace("southbay")
    admin = make.person("admin", in_=connection.workspace, role=Role.ADMIN)
    member = make.person("member", in_=connection.workspace)
    assert bill_access.may_view_bills(admin, connection)
    assert list(bill_access.workspaces_with_bills(admin)) == [connection.workspace]
    assert not bill_access.may_view_bills(AnonymousUser(), connection)
    assert not bill_access.may_view_bills(member, connection)
    assert not bill_access.workspaces_with_bills(member).exists()
    assign_perm(VIEW_BILLS, member, connection.workspace)
    assign_perm(VIEW_BILLS, member, other)  # without a membership
    assert bill_access.may_view_bills(member, connection)
    assert list(bill_access.workspaces_with_bills(member)) == [connection.workspace]
    remove_perm(VIEW_BILLS, member, connection.workspace)
    assert not bill_access.may_view_bills(member, connection)


def test_wms_without_bills_has_none_to_see(connection: Any, django_assert_num_queries: Any) -> None:
    admin = make.person("admin", in_=connection.workspace, role=Role.ADMIN)
    with django_assert_num_queries(0):
        assert not bill_access.may_view_bills(admin, connection)
