"""Python to paste: how each format is opened elsewhere. A test runs every one."""

from string import Template

PREPARE = """
picture = Image.open("picture.jpg").convert("RGB")
seen = ImageOps.fit(picture, ($px, $px), Image.Resampling.BICUBIC$bleed)
pixels = (np.asarray(seen, np.float32) / 255 - $mean) / $std
images = pixels.transpose(2, 0, 1)[None].astype(np.float32)
"""
TORCH = "logits = model.eval()(torch.from_numpy(images))[0]\n"
CLASSES = """
classes = json.loads(safe_open("$path", "pt").metadata()["classes"])
print(classes[int(logits.argmax())])
"""
IMPORTS = """import json

import numpy as np
import torch
from PIL import Image, ImageOps
from safetensors import safe_open
from safetensors.torch import load_file
"""

SNIPPETS = {
    "safetensors": Template(
        "# pip install torch torchvision safetensors pillow\n"
        + IMPORTS
        + "from torchvision.models import $arch\n\n"
        + "model = $arch(num_classes=$classes)\n"
        + 'model.load_state_dict(load_file("$path"))\n'
        + PREPARE
        + TORCH
        + CLASSES
    ),
    "safetensors of timm": Template(
        "# pip install timm safetensors pillow\n"
        + IMPORTS
        + "import timm\n\n"
        + "model = timm.create_model($timm_call)\n"
        + 'model.load_state_dict(load_file("$path"))\n'
        + PREPARE
        + TORCH
        + CLASSES
    ),
    "own": Template(
        "# in this program's folder: torchvision has no network of this kind\n"
        + IMPORTS
        + "from resnet_demo.models import build\n\n"
        + 'model = build("$arch", num_classes=$classes)\n'
        + 'model.load_state_dict(load_file("$path"))\n'
        + PREPARE
        + TORCH
        + CLASSES
    ),
    "timm": Template(
        """# pip install timm pillow
import timm
import torch
from PIL import Image

model = timm.create_model("$source", pretrained=True).eval()
preprocessing = timm.data.resolve_model_data_config(model)
prepare = timm.data.create_transform(**preprocessing, is_training=False)
logits = model(prepare(Image.open("picture.jpg").convert("RGB"))[None])[0]
print(model.pretrained_cfg["label_names"][int(logits.argmax())])
"""
    ),
    "onnx": Template(
        """# pip install onnxruntime pillow
import json

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession("$path")
"""
        + PREPARE
        + """logits = session.run(None, {"images": images})[0][0]

classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
print(classes[int(logits.argmax())])
"""
    ),
}
