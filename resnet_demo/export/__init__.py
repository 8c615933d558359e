"""A network as a file for others: `export MODEL --format safetensors|timm|onnx --out PATH`."""
