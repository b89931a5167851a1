"""Container images from Debian packages, Python wheels and our own binaries; no registry."""
