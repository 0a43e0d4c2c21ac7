"""Attacks that get round a refusal by saying or presenting the request otherwise."""
