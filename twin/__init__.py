"""twincal: calibrates physical models against measurements and says how far to trust the answer.

A model has a parameter space, can simulate, and knows its residual. Training turns it into a surrogate.
A model or a surrogate is a forward map; a likelihood scores it against experiments; a sampler turns that
into a posterior; checks say whether to believe it; a report shows it.
"""

from importlib.metadata import version

__version__ = version("twincal")
