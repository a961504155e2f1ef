"""Connections, brand mappings and what people sent to a WMS, for support."""

from .actions import ActionAdmin
from .connections import BrandMappingAdmin, ConnectionAdmin

__all__ = ["ActionAdmin", "BrandMappingAdmin", "ConnectionAdmin"]
