"""The API on a laptop: HTTP <-> the same events API Gateway sends to Lambda."""
