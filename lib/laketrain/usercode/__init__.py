"""Code of the user's own: what a workload names by `module:function`, and plugins that register parts of their own."""
