"""How the page looks: the palette for Gradio's own parts and, as CSS variables, for ours."""

import gradio as gr

from resnet_demo.palette import PALETTE

# Gradio's variable: name in the palette
GRADIO = {
    "body_background_fill": "ground",
    "body_text_color": "ink",
    "body_text_color_subdued": "muted",
    "background_fill_primary": "card",
    "background_fill_secondary": "inset",
    "border_color_primary": "line",
    "border_color_accent": "residual",
    "block_background_fill": "card",
    "block_border_color": "line",
    "block_info_text_color": "muted",
    "block_label_background_fill": "card",
    "block_label_text_color": "muted",
    "block_title_text_color": "ink",
    "panel_background_fill": "card",
    "input_background_fill": "card",
    "input_border_color": "line",
    "input_border_color_focus": "residual",
    "input_placeholder_color": "muted",
    "checkbox_label_background_fill": "card",
    "checkbox_label_background_fill_hover": "inset",
    "checkbox_label_background_fill_selected": "soft",
    "checkbox_label_border_color": "line",
    "checkbox_label_border_color_selected": "residual",
    "checkbox_background_color_selected": "accent",
    "checkbox_border_color": "muted",
    "checkbox_border_color_selected": "accent",
    "color_accent_soft": "soft",
    "link_text_color": "residual",
    "link_text_color_hover": "residual",
    "link_text_color_active": "residual",
    "link_text_color_visited": "residual",
    "slider_color": "residual",
    "loader_color": "residual",
    "button_primary_background_fill": "accent",
    "button_primary_background_fill_hover": "accent",
    "button_primary_border_color": "accent",
    "button_secondary_background_fill": "card",
    "button_secondary_background_fill_hover": "inset",
    "button_secondary_border_color": "line",
    "button_secondary_border_color_hover": "muted",
    "button_secondary_text_color": "ink",
    "accordion_text_color": "ink",
    "table_border_color": "line",
    "table_even_background_fill": "card",
    "table_odd_background_fill": "card",
}
SHAPES = {
    "block_radius": "14px",
    "container_radius": "14px",
    "input_radius": "10px",
    "button_large_radius": "12px",
    "button_medium_radius": "10px",
    "button_small_radius": "10px",
    "input_border_width": "1px",
    "checkbox_label_border_width": "1px",
    "checkbox_border_width": "1px",
    "block_shadow": "none",
    "button_primary_shadow": "none",
    "button_secondary_shadow": "none",
    "input_shadow": "none",
    "checkbox_label_shadow": "none",
    "block_title_text_weight": "600",
    "block_label_text_size": "12.5px",
    "block_info_text_size": "12.5px",
    "block_title_text_size": "14px",
    "body_text_size": "15px",
    "input_text_size": "15px",
    "button_large_text_size": "16px",
    "button_small_text_size": "14px",
    "button_small_text_weight": "600",
    "button_small_padding": ".35rem .8rem",
    "layout_gap": "16px",
    "form_gap_width": "0px",
}


def theme() -> gr.themes.Base:
    values = dict(SHAPES)
    for variable, name in GRADIO.items():
        values[variable], values[f"{variable}_dark"] = PALETTE[name]
    made = gr.themes.Base(
        primary_hue="blue",
        neutral_hue="gray",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    return made.set(**values)


def variables() -> str:
    """The palette for our own styles: `--ink` and the rest, dark under Gradio's `.dark`."""
    light, dark = (
        "".join(f"--{name}: {pair[side]}; " for name, pair in PALETTE.items()) for side in (0, 1)
    )
    return f":root {{ {light}}}\n.dark {{ {dark}}}\n"
