"""The page: `python app.py [--host H] [--port P] [--home DIR]`; the one file a Space runs."""

import argparse
import os
import sys

if os.environ.get("SPACES_ZERO_GPU"):
    import spaces  # before torch, and at least one function must ask for the GPU

    @spaces.GPU
    def zero_gpu() -> None:
        """ZeroGPU refuses a Space without such a function; training here runs on the CPU."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Serve the page of ResNet Demo.")
    parser.add_argument("--host", help="address to listen on; not loop-back means public")
    parser.add_argument("--port", type=int, help="port to listen on")
    parser.add_argument("--home", help="folder of runs, caches and downloads")
    args = parser.parse_args()

    from resnet_demo.config import Home, UserError
    from resnet_demo.ui.page import launch

    try:
        launch(Home.find(args.home), args.host, args.port)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
