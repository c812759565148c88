"""Tests of the clients, without a server."""
