"""Images as targets have losses of pixels and no head of the zoo."""

from __future__ import annotations

from laketrain.features import Image
from laketrain.tasks import default_task
from laketrain.tasks.image import ImageRegression


def test_an_image_is_a_target_of_models_of_the_user() -> None:
    picture = Image.model_validate({"column": "pixels", "shape": [2, 2, 1], "role": "target"})
    assert isinstance(default_task("image"), ImageRegression)
    problem, hint = ImageRegression().model_problem("picture", picture) or ("", "")
    assert "'picture'" in problem
    assert "use: 'module:function'" in hint
