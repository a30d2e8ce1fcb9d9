"""The Model Context Protocol: what language models call, read and are told. See docs/mcp.md."""
