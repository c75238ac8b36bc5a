"""A saved model is data: what could run code when it is loaded is refused before Keras sees it.

    model = load_saved("/tmp/…/model.keras", subject="models/mnist@3, model.keras")

Keras' safe mode refuses Python lambdas and classes from elsewhere. We also refuse what it lets pass and no model of
ours holds (`laketrain.models.safe`), and archives with more than Keras' own members.
"""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

from laketrain.errors import LakeError
from laketrain.imports import import_tensorflow
from laketrain.models.rnn import without_cudnn_where_masked
from laketrain.models.safe import code_in

if TYPE_CHECKING:
    import keras

_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_HINT = "load only models that laketrain committed; train it again if the file is damaged"


def load_saved(path: str, subject: str) -> keras.Model:
    """The compiled model in the `.keras` file at the local `path`.

    Raises:
        LakeError: it is no Keras archive, is damaged, or holds what could run code.
    """
    import_tensorflow()
    import keras

    _refuse_code(path, subject)
    try:
        model: keras.Model = keras.saving.load_model(path, safe_mode=True)
    except Exception as error:  # Keras raises whatever its layers raise on what they don't expect
        raise LakeError("lake", subject, f"Keras can't load it: {_first_line(error)}", _HINT) from error
    return without_cudnn_where_masked(model)


def _refuse_code(path: str, subject: str) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            strange = sorted(set(archive.namelist()) - _MEMBERS)
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise LakeError("lake", subject, f"is no .keras archive: {_first_line(error)}", _HINT) from error
    if strange:
        raise LakeError("lake", subject, f"holds {strange[0]!r}, expected {', '.join(sorted(_MEMBERS))}", _HINT)
    for code in code_in(config):
        raise LakeError("lake", subject, f"is refused: it holds {code}, which could run code", _HINT)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
