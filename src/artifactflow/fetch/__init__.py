"""Bytes from elsewhere: files over http, from disk or out of an installed package, and archives taken apart."""
