"""The API on a laptop: HTTP requests become the events that API Gateway sends to Lambda.

Our own code, because SAM needs Docker and a plain web server would bypass the event format.
"""
