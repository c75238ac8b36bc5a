"""Output and errors of Horovod are parsed."""

from __future__ import annotations

from laketrain.distributed.backend import backend_for


def test_the_last_warning_of_horovod_has_the_missing_ranks() -> None:
    log = ["Missing ranks:", "0: [loss]", "epoch 2", "Missing ranks:", "1!: [loss, gradients ...]", "3: [loss]", "end"]
    assert backend_for(4, "horovod").missing_ranks(log) == {1, 3}
    assert backend_for(1, "horovod").missing_ranks(log) == set()


def test_an_error_of_xla_has_a_hint() -> None:
    message = "InvalidArgumentError: Detected unsupported operations when trying to compile graph: HorovodAllreduce"
    assert "jit_compile=False" in backend_for(2, "horovod").hint(message)
    assert backend_for(2, "horovod").hint("ValueError: no such batch") == ""
