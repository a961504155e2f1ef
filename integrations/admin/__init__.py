"""The admin of connections, brand mappings and actions."""

from .actions import ActionAdmin
from .connections import BrandMappingAdmin, ConnectionAdmin

__all__ = ["ActionAdmin", "BrandMappingAdmin", "ConnectionAdmin"]
