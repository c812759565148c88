"""Commands for a deployed stage: delete old versions, and go back to one."""
