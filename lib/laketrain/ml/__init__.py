"""laketrain in Spark ML: an Estimator that trains over the lake, and the Transformer that it returns.

    from laketrain.ml import KerasEstimator

    estimator = KerasEstimator(lake="hdfs://nn/lake", train={"model": {"name": "linear"}}, epochs=5,
                               features={"image": {"kind": "image", "column": "pixels", "shape": [8, 8, 1]},
                                         "label": {"kind": "label", "classes": 4}})
    model = estimator.fit(df)
    model.transform(df).select("prediction", "probability")
"""

from laketrain.ml.estimator import KerasEstimator
from laketrain.ml.model import KerasModel

__all__ = ["KerasEstimator", "KerasModel"]
