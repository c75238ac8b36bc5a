"""The manifest of evaluations in `runs/`: evaluate writes it; the gate, the terminal and the report read it.

    EvaluationManifest(split="test", warnings=[], sections={"label": section}).to_meta()
    EvaluationManifest.of(version).sections      # {"label": {"kind": "label", "metrics": …, …}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from laketrain.lake.manifests.base import Manifest

if TYPE_CHECKING:
    from typing_extensions import Self


class EvaluationManifest(Manifest):
    """What was measured of a model. On disk, the section of a single target is the meta itself; those of several are
    under `targets`, and `metrics` has the metrics of all.

    Attributes:
        split: the split that was measured.
        warnings: sentences about the metrics (see `evaluate.notices`).
        sections: by target, its `kind`, `task`, `rows`, `metrics`, `baselines`, `figure` (the metric by which these are
            compared), `baseline_rows` (on which they were fitted and measured), and what the task adds. If rows have
            weights, also `weight`, their sum, and `masked`, the number of rows with weight 0.
    """

    split: str = ""
    warnings: list[str] = Field(default_factory=list)
    sections: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics by name; of several targets those that are numbers, as `target.metric`."""
        if len(self.sections) == 1:
            [section] = self.sections.values()
            metrics: dict[str, Any] = section["metrics"]
            return metrics
        return {f"{target}.{name}": value for target, section in self.sections.items()
                for name, value in section["metrics"].items() if not isinstance(value, list)}

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> Self:
        """Also reads an older entry of a label, which has neither the name nor the kind of its target."""
        common = {key: meta[key] for key in ("split", "warnings") if key in meta}
        if "targets" in meta:
            return super().from_meta({**common, "sections": meta["targets"]})
        if not meta.get("metrics"):
            return super().from_meta(common)
        section = {key: value for key, value in meta.items() if key not in ("split", "warnings", "target")}
        target = str(meta.get("target", "label"))
        return super().from_meta({**common, "sections": {target: {"kind": "label", **section}}})

    def to_meta(self) -> dict[str, Any]:
        """The keys of the single target, or `metrics` and `targets` of several."""
        common = self.model_dump(exclude_unset=True, exclude={"sections"})
        if len(self.sections) == 1:
            [(target, section)] = self.sections.items()
            return {**common, "target": target, **section}
        return {**common, "metrics": self.metrics, "targets": self.sections}
