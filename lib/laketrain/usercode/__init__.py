"""Code of the user's own: what a workload names as `module:function`, and plugins that register parts of their own.

    loading    imports an object        lookup     checks that it exists, without running any code
    errors     what it raises           packing    sends functions to executors
    registry   parts by name            plugins    the modules that register them
"""
