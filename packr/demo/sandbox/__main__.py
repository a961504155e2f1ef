"""`python -m packr.demo.sandbox`: the sandbox WMS without Django."""

import argparse
import sys

from .cli import add_arguments, serve

parser = argparse.ArgumentParser(prog="sandbox_wms", description="A WMS that speaks the Trackstar API and lives.")
add_arguments(parser)
options = parser.parse_args()
try:
    serve(**vars(options))
except ValueError as error:
    sys.exit(str(error))
