"""`kinolog mcp`: the Model Context Protocol over standard input and output."""
