"""`python -m resnet_demo ...`: see `cli.main`."""

import sys

from resnet_demo.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
