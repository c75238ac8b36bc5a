"""Starts a worker process of Petastorm's process pool, which imports Petastorm itself.

    python -m laketrain.petastorm_compat.worker FILE    # FILE has the pickled function, which Petastorm wrote
"""

from __future__ import annotations

import runpy

from laketrain.petastorm_compat import install

if __name__ == "__main__":
    install()
    runpy.run_module("petastorm.workers_pool.exec_in_new_process_entrypoint", run_name="__main__")
