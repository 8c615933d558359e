"""The page: the only room with gradio in it."""
