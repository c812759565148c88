"""Written make and model -> the reference one. Nothing here knows of pictures."""
