"""What makes the project's assets and measures it; run from the project's folder."""
