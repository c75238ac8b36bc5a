"""The base class of manifests: typed views of an entry's `meta`.

    RawManifest.of(version).sources          # read, with defaults for what an older laketrain did not record
    draft.commit(meta=RawManifest(base="file:///landing/").to_meta())

Reading validates the types of the fields, not what is within values that are any JSON (`dict[str, Any]`), so a large
history or many features cost nothing. Code that needs several fields reads the manifest once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from laketrain.errors import LakeError
from laketrain.lake.version import Version

if TYPE_CHECKING:
    from typing_extensions import Self


class Manifest(BaseModel):
    """A subclass declares the keys of one zone. Every field has a default, so that versions of an older laketrain are
    read, and unknown keys are ignored, so that those of a later one are. A field whose name differs from its key on
    disk has an alias."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    @classmethod
    def of(cls, version: Version) -> Self:
        """Reads the manifest of a version. Raises LakeError where a value has another type."""
        try:
            return cls.from_meta(version.entry.meta)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(str(part) for part in first["loc"])
            raise LakeError("lake", version.ref, f"its entry has an unexpected value of meta.{key}: {first['msg']}",
                            "Restore the log entry from a backup, or make the version again with --force.") from error

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> Self:
        """The inverse of `to_meta`. Raises pydantic's ValidationError where a value has another type."""
        return cls.model_validate(meta)

    def to_meta(self) -> dict[str, Any]:
        """The fields that were set, by their keys on disk, in the order of their declaration. A value that isn't JSON
        is left as it is: the commit refuses it."""
        return self.model_dump(by_alias=True, exclude_unset=True)
