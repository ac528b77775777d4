"""Build the image of one service: base image, wheels, bundle, then the Dockerfile."""
