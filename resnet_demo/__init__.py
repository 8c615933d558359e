"""ResNet Demo: train a residual network, use it, take it apart.

Imports go down only: {ui, cli} -> charts -> lab -> runs -> {evaluate, export} ->
{probe, classify} -> training -> {models, data} -> images -> the ground. Only ui/ and app.py
import gradio.
"""
