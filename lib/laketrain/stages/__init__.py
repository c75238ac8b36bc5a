"""What a stage is, the events of a run, and the record of what it did. Light: importing it loads no Spark, no Keras.

    class EmbedStage(Stage):             # a stage of your own, in a module that 'plugins' names
        name, help, zone, after = "embed", "Embed the texts.", "embeddings", "clean"
        section = EmbedSettings

    STAGES.register(EmbedStage())
"""

from laketrain.stages.base import STAGES, IncrementalWork, RunContext, Stage, Work
from laketrain.stages.events import Event, Listener, Note, RankEvent, StageEnded, StageStarted
from laketrain.stages.record import Outcome, RunRecord, RunResult

__all__ = ["STAGES", "IncrementalWork", "Event", "Listener", "Note", "Outcome", "RankEvent", "RunContext", "RunRecord",
           "RunResult", "Stage", "StageEnded", "StageStarted", "Work"]
