"""Commands that people run; the functions do not have them."""
