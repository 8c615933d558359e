"""ResNet Demo: train a residual network, use it, take it apart.

Imports go down only:
ui -> {lab, hub} -> runs -> evaluate -> {probe, classify} -> training -> {models, data} -> images
-> config. Only ui/ and app.py import gradio.
"""
