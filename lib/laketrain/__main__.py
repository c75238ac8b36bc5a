"""`python -m laketrain run conf/mnist.yaml`: the command line where its script is not on PATH."""

from laketrain.cli import app

app(prog_name="laketrain")
