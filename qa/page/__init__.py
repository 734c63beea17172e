"""The page in the browser, its API and its MCP server: ``qa serve``."""
