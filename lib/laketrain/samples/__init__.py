"""Real data, landed as a careless production system would land it, with its dirt counted.

    from laketrain.samples.mnist import land
    landing = land(Path("data/mnist"))
"""
