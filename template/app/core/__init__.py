"""What a feature imports. Nothing here imports a feature or the server."""
