"""The fields that every record has, and parts that several kinds of records share."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType

Text = str | None | UnsetType
Number = str | None | UnsetType
Time = datetime | None | UnsetType
Flag = bool | None | UnsetType


class Record(Struct, kw_only=True, frozen=True, gc=False):
    """The fields that every record has.

    `updated_at` is the WMS's own stamp. `version_at` is for an API that is itself a copy of a WMS: when the copy last
    changed. It decides which of two versions is newer and is not part of the data.
    """

    external_id: str | UnsetType = UNSET
    created_at: Time = UNSET
    updated_at: Time = UNSET
    version_at: Time = UNSET
    extra: dict[str, Any] | UnsetType = UNSET


class FromAddress(Struct, kw_only=True, frozen=True, gc=False):
    address1: str | None = None
    address2: str | None = None
    address3: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None


class ToAddress(FromAddress, kw_only=True, frozen=True):
    full_name: str | None = None
    company: str | None = None
    phone_number: str | None = None
    email_address: str | None = None


class Measurements(Struct, kw_only=True, frozen=True, gc=False):
    length: str | None = None
    width: str | None = None
    height: str | None = None
    unit: str | None = None
    weight: str | None = None
    weight_unit: str | None = None


class Channel(Struct, kw_only=True, frozen=True, gc=False):
    channel_id: str | None = None
    channel_name: str | None = None


class Supplier(Struct, kw_only=True, frozen=True, gc=False):
    supplier_id: str | None = None
    supplier_name: str | None = None
