"""One command, one module: parse, one call on the workspace, render."""
