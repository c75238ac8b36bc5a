"""Features: how a table's column is stored in Parquet and decoded to tensors for Keras. One file a kind.

    from laketrain.features import FeatureSet
"""

from laketrain.features.audio import Audio
from laketrain.features.base import Drawing, Feature, Role, Storage
from laketrain.features.category import Category
from laketrain.features.image import Image
from laketrain.features.key import Key
from laketrain.features.label import Label
from laketrain.features.multilabel import Multilabel
from laketrain.features.number import Number
from laketrain.features.schema import FeatureSet
from laketrain.features.text import Text
from laketrain.features.time_series import TimeSeries
from laketrain.features.vector import Value, Vector
from laketrain.features.weight import Weight

__all__ = ["Audio", "Category", "Drawing", "Feature", "FeatureSet", "Image", "Key", "Label", "Multilabel", "Number",
           "Role", "TimeSeries", "Storage", "Text", "Value", "Vector", "Weight"]
