#!/usr/bin/env python
"""Django's command line for Packr."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "packr.settings")
    if sys.argv[1:2] == ["demo"]:
        from packr.demo.environment import prepare

        prepare()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
