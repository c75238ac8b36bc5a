"""The zoo: a model's declaration, and its `build` from a dataset's features to a `keras.Model`.

    model = parse_model({"name": "cnn", "filters": 32}).build(features)
"""

from laketrain.models.zoo import AnyModel, DeclaredModel, parse_model

__all__ = ["AnyModel", "DeclaredModel", "parse_model"]
