"""Every figure, drawn in Python and in one style; scripts only stream points into them."""
