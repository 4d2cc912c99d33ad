"""One supervised training class per Ultralytics task.

Imports Ultralytics: import this module only after `environment.prepare_environment`.

The names must not contain "Trainer": that is how Ultralytics decides to load its integrations
(MLflow, Comet and so on), which would talk to the network.
"""

from __future__ import annotations

from collections.abc import Mapping

from ultralytics.models.yolo.classify import ClassificationTrainer
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.models.yolo.obb import OBBTrainer
from ultralytics.models.yolo.pose import PoseTrainer
from ultralytics.models.yolo.segment import SegmentationTrainer

from bot.agent.trainer.supervised import Supervised


class SupervisedDetection(Supervised, DetectionTrainer):  # type: ignore[misc] # Ultralytics is untyped
    """Finds boxes."""


class SupervisedSegmentation(Supervised, SegmentationTrainer):  # type: ignore[misc] # Ultralytics is untyped
    """Finds outlines."""


class SupervisedClassification(Supervised, ClassificationTrainer):  # type: ignore[misc] # Ultralytics is untyped
    """Names the whole picture."""


class SupervisedPose(Supervised, PoseTrainer):  # type: ignore[misc] # Ultralytics is untyped
    """Finds key points."""


class SupervisedObb(Supervised, OBBTrainer):  # type: ignore[misc] # Ultralytics is untyped
    """Finds boxes that are turned."""


BY_TASK: Mapping[str, type[Supervised]] = {
    "detect": SupervisedDetection,
    "segment": SupervisedSegmentation,
    "classify": SupervisedClassification,
    "pose": SupervisedPose,
    "obb": SupervisedObb,
}
