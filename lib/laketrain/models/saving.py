"""Models as files. A saved model is data: anything that could run code when it is loaded is refused.

    save_networks(networks, lake.store, "models/mnist/v3")
    model = load_model(version)            # the network that predicts
    networks = load_networks(version)      # all of them
    model = load_saved("/tmp/…/model.keras", subject="models/mnist@3, model.keras")

The predicting network is `model.keras`. Where a model has several networks, the others are `networks/<name>.keras` and
`networks.json` lists the names.

Keras' safe mode refuses Python lambdas and classes from other packages. We also refuse what it accepts although our
models never contain it (`laketrain.models.safe_load`), and archives with other members than Keras writes.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from laketrain.errors import LakeError
from laketrain.imports import import_tensorflow
from laketrain.lake import Version
from laketrain.models.networks import Networks
from laketrain.models.rnn import without_cudnn_where_masked
from laketrain.models.safe_load import code_in

if TYPE_CHECKING:
    import keras

    from laketrain.lake.stores.store import Store

MODEL = "model.keras"
_NAMES = "networks.json"
_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_HINT = "load only models that laketrain committed; train it again if the file is damaged"


def save_networks(networks: Networks, store: Store, folder: str) -> None:
    """Writes all networks, with their optimizers, into the lake's `folder`."""
    with tempfile.TemporaryDirectory(prefix="laketrain-") as temporary:
        for name, network in networks.items():
            local = Path(temporary) / f"{name}.keras"
            network.save(local)
            store.put(str(local), f"{folder}/{_file_of(name, networks.predict)}")
    if len(networks) > 1:
        content = json.dumps({"predict": networks.predict, "names": list(networks)})
        store.write(f"{folder}/{_NAMES}", content.encode())


def load_model(version: Version) -> keras.Model:
    """The compiled network that predicts. Raises LakeError where it is damaged, or could run code on loading."""
    return _load(version, MODEL)


def load_networks(version: Version) -> Networks:
    """All compiled networks of the version. Raises LakeError as `load_model` does."""
    store = version.lake.store
    if not store.exists(version.path(_NAMES)):
        return Networks.of(load_model(version))
    content = json.loads(store.read(version.path(_NAMES)))
    predict = content["predict"]
    return Networks(predict, **{name: _load(version, _file_of(name, predict)) for name in content["names"]})


def load_saved(path: str, subject: str) -> keras.Model:
    """The compiled model in the `.keras` file at the local `path`.

    Raises:
        LakeError: it isn't a Keras archive, is damaged, or contains something that could run code.
    """
    import_tensorflow()
    import keras

    _refuse_code(path, subject)
    try:
        model: keras.Model = keras.saving.load_model(path, safe_mode=True)
    except Exception as error:  # Keras raises whatever its layers raise for a config they don't expect
        raise LakeError("lake", subject, f"Keras can't load it: {_first_line(error)}", _HINT) from error
    return without_cudnn_where_masked(model)


def _load(version: Version, path: str) -> keras.Model:
    with tempfile.TemporaryDirectory(prefix="laketrain-") as folder:
        local = version.lake.store.get(version.path(path), folder)
        return load_saved(local, f"{version.ref}, {path}")


def _file_of(name: str, predict: str) -> str:
    return MODEL if name == predict else f"networks/{name}.keras"


def _refuse_code(path: str, subject: str) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            unexpected = sorted(set(archive.namelist()) - _MEMBERS)
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise LakeError("lake", subject, f"isn't a .keras archive: {_first_line(error)}", _HINT) from error
    if unexpected:
        raise LakeError("lake", subject, f"contains {unexpected[0]!r}, expected {', '.join(sorted(_MEMBERS))}", _HINT)
    for code in code_in(config):
        raise LakeError("lake", subject, f"is refused: it contains {code}, which could run code", _HINT)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
