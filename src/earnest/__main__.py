"""`python -m earnest` is the command line."""

import importlib

importlib.import_module("earnest.cli").main()
