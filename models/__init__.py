"""Physical models, one system per file. A module that ends with ``MODEL = …`` is in the catalogue."""
