from importlib import metadata

project = "twincal"
author = "The twincal developers"
copyright = "The twincal developers, BSD-3-Clause"
release = metadata.version("twincal")

extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
nitpicky = True

html_theme = "furo"
html_title = f"twincal {release}"
