"""The fast CPU kernels, and what tells whether they are here."""
