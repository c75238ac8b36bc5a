"""A user's model is built by their function; what would fail later is refused at once."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from laketrain.errors import ConfigError, LaketrainError
from laketrain.features import FeatureSet
from laketrain.models import parse_model
from laketrain.workload import Workload

from .mixed_features import mixed, rows_of

pytestmark = pytest.mark.slow
CONF = Path(__file__).parents[2] / "conf" / "mnist.yaml"
CODE = '''
import keras

def net(features, units=3):
    given = keras.Input(features["age"].shape, name="age")
    hidden = keras.layers.Dense(units, "tanh")(keras.layers.Reshape((1,))(given))
    heads = {name: keras.layers.Dense(4 if name == "price" else 3)(hidden) for name in features.targets}
    return keras.Model({"age": given}, heads if len(heads) > 1 else heads["label"])

def misnamed(features):
    given = keras.Input((), name="aeg")
    return keras.Model(given, keras.layers.Dense(3)(keras.layers.Reshape((1,))(given)))

def narrow(features):
    given = keras.Input((), name="age")
    return keras.Model(given, keras.layers.Dense(2)(keras.layers.Reshape((1,))(given)))

def list_of_two(features):
    given = keras.Input((), name="age")
    hidden = keras.layers.Dense(3)(keras.layers.Reshape((1,))(given))
    return keras.Model(given, [hidden, hidden])

def nothing(features):
    return None

class Own(keras.Model):
    pass

def own_class(features):
    return Own()

def dense_of(**settings):
    given = keras.Input((), name="age")
    return keras.Model(given, keras.layers.Dense(3, **settings)(keras.layers.Reshape((1,))(given)))

def half(given):
    return given / 2

class Ridge(keras.regularizers.Regularizer):
    def __call__(self, weights):
        return 0.0

class Named(Ridge):
    def get_config(self):
        return {}

def own_activation(features):
    return dense_of(activation=half)

def own_lambda(features):
    return dense_of(activation=lambda given: given / 2)

def own_initialiser(features):
    return dense_of(kernel_initializer=lambda shape, dtype=None: keras.ops.zeros(shape))

def own_regulariser(features):
    return dense_of(kernel_regularizer=Ridge())

def own_named_regulariser(features):
    return dense_of(kernel_regularizer=Named())

class OwnLayer(keras.layers.Layer):
    def call(self, given):
        return given

def own_layer(features):
    given = keras.Input((), name="age")
    return keras.Model(given, OwnLayer()(keras.layers.Dense(3)(keras.layers.Reshape((1,))(given))))

def a_lambda(features):
    given = keras.Input((), name="age")
    hidden = keras.layers.Dense(3)(keras.layers.Reshape((1,))(given))
    return keras.Model(given, keras.layers.Lambda(lambda x: x)(hidden))

def helped():
    raise KeyError("oops")

def raising(features):
    return helped()

def row(features):
    return keras.Sequential([keras.layers.Reshape((1,)), keras.layers.Dense(4, "relu"),
                             keras.layers.Dense(3, "softmax")])

def row_with_input(features):
    return keras.Sequential([keras.Input((), name="whatever"), *row(features).layers])

def of_one_more(features):
    return keras.Sequential([keras.layers.Reshape((1,)), built()])

def built():
    layer = keras.layers.Dense(3)
    layer.build((None, 7))
    return layer

constant = 7
'''


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop_nets.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "shop_nets", raising=False)


def build(name: str, features: FeatureSet | None = None, **settings: Any) -> Any:
    declared = parse_model({"use": f"shop_nets:{name}", "settings": settings})
    return declared.build(features or mixed("age", targets=["label"]))


def test_a_user_model_receives_the_features_and_its_settings() -> None:
    features = mixed("age", targets=["label"])
    model = build("net", features, units=5)
    assert model.count_params() == (5 + 5) + (5 * 3 + 3)
    assert np.asarray(model(rows_of(features, 2))).shape == (2, 3)


@pytest.mark.parametrize("name", ["row", "row_with_input"])
def test_a_sequential_accepts_its_only_input_by_name(name: str) -> None:
    import keras
    import shop_nets

    features = mixed("age", targets=["label"])
    keras.utils.set_random_seed(5)
    model = build(name, features)
    keras.utils.set_random_seed(5)
    alone = getattr(shop_nets, name)(features)
    rows = rows_of(features, 4)
    output = np.asarray(model(rows))
    np.testing.assert_allclose(output, np.asarray(alone(np.asarray(rows["age"], np.float32))), rtol=1e-6)
    assert [tensor.name for tensor in model.inputs] == ["age"]
    assert output.shape == (4, 3)


def test_a_sequential_with_several_inputs_is_refused_with_a_hint() -> None:
    with pytest.raises(LaketrainError, match=r"returned a Sequential, which takes one input, and the dataset has 2: "
                                             r"age, shop.*return keras.Model\(\{name: its Input"):
        build("row", mixed("age", "shop", targets=["label"]))


@pytest.mark.parametrize("loss", [{"from_logits": True}, {"label": {"from_logits": True}}], ids=["every", "by target"])
def test_from_logits_in_the_loss_is_refused_with_the_right_key(loss: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"'from_logits'. It is a setting of your own model: model: \{use: "):
        Workload.load(CONF, sets=[f"train.loss={json.dumps(loss)}"])


def test_logits_are_not_for_values() -> None:
    features = mixed("age", targets=["price"])
    declared = parse_model({"use": "shop_nets:net", "from_logits": True})
    [problem] = declared.problems(features)
    assert "from_logits is for labels and multilabels, the targets are price (value)" in problem.problem
    assert problem.hint == "remove 'from_logits'"


def test_several_targets_are_a_dict_of_outputs() -> None:
    features = mixed("age", targets=["label", "price"])
    outputs = build("net", features)(rows_of(features, 2))
    assert {name: tuple(output.shape) for name, output in outputs.items()} == {"label": (2, 3), "price": (2, 4)}


@pytest.mark.parametrize(("name", "messages"), [
    ("nett", ["has no 'nett'", "Did you mean 'net'?"]),
    ("constant", ["is a int, expected a function"]),
    ("nothing", ["returned a NoneType, expected a keras.Model"]),
    ("misnamed", ["has the inputs aeg, expected age", "name='age'"]),
    ("narrow", ["outputs 'label' in the shape (2,), expected (3,) for a label",
                'end in keras.layers.Dense(3, activation="softmax", dtype="float32", name="label")']),
    ("list_of_two", ["has several outputs, and the dataset has one target"]),
    ("own_class", ["returned a Own, a class of its own that could not be loaded again"]),
    ("own_layer", ["of shop_nets.OwnLayer, which is code"]),
    ("a_lambda", ["Lambda, which is code", "make it of Keras' own layers"]),
    ("raising", ["raised KeyError: 'oops', at ", "shop_nets.py, line", "in helped", "it is code of your own"]),
    ("own_activation", ["contains the function 'half', which is code", "could not be loaded again",
                        "Keras' own layers, activations"]),
    ("of_one_more", ["raised ValueError", "expected axis -1 of input shape to have value 7"]),
    ("own_lambda", ["could not be loaded again"]),
    ("own_initialiser", ["could not be loaded again"]),
    ("own_regulariser", ["could not be loaded again"]),
    ("own_named_regulariser", ["could not be loaded again"]),
])
def test_a_model_that_would_fail_later_is_refused_with_a_hint(name: str, messages: list[str]) -> None:
    with pytest.raises(LaketrainError) as caught:
        build(name)
    error = str(caught.value)
    assert all(part in error for part in (f"train.model.use 'shop_nets:{name}'", *messages)), error


def test_settings_that_the_function_does_not_accept_are_named() -> None:
    with pytest.raises(LaketrainError, match="unexpected keyword argument 'unit'.*Did you mean 'units'"):
        build("net", unit=5)


def test_two_targets_need_a_dict() -> None:
    with pytest.raises(LaketrainError, match="outputs no dict, expected a dict of the targets label, price"):
        build("narrow", mixed("age", targets=["label", "price"]))


@pytest.mark.parametrize(("use", "message"), [
    ("shop_nets:nett", "Did you mean 'net'?"), ("no_such_nets:net", "there is no module 'no_such_nets'"),
])
def test_a_missing_function_is_reported_before_spark_starts(use: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Workload.load(CONF, sets=[f"train.model={json.dumps({'use': use})}"])
    assert message in str(caught.value)
