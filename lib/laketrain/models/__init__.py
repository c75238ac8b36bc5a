"""The zoo: a model's declaration, and its `build` from a dataset's features to a `keras.Model`.

    model = parse_model({"name": "cnn", "filters": 32}).build(features)
    register(MyModel)          # a model of a plugin's, by its name
"""

from laketrain.models.zoo import AnyModel, DeclaredModel, parse_model, register

__all__ = ["AnyModel", "DeclaredModel", "parse_model", "register"]
