"""The page: `python app.py [--host H] [--port P] [--home DIR]`; the one file a Space runs."""

import os
import sys

if os.environ.get("SPACES_ZERO_GPU"):
    import spaces  # before torch, and at least one function must ask for the GPU

    @spaces.GPU
    def zero_gpu() -> None:
        """ZeroGPU refuses a Space without such a function."""

    # torch says there that it has a GPU, and whoever uses it outside such functions fails: all is
    # computed on the CPU, which a Space has for as long as it likes.
    os.environ["RESNET_DEMO_DEVICE"] = "cpu"


if __name__ == "__main__":
    from resnet_demo.ui.page import main

    sys.exit(main())
