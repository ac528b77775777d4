"""Defects seeded on purpose: a test that could not fail would prove nothing.

Each function of the files here seeds one fault in the product, named by the function, and lists the tests that guard
against it (seeding.py). In a process of their own (trials.py) these tests run without the fault, with it and after it.
The falsifier holds only if they hold, fail and hold again. It carries the requirements of these tests, so that a
requirement passes only if its fault was noticed in the same run.
"""
