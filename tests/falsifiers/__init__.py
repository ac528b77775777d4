"""Defects seeded on purpose: a test that could not fail would prove nothing.

Each function of test_falsifiers.py runs one traced test as it is, then again with one defect in the product, and
holds only if that test then fails. It carries the requirement of the test, so that a requirement passes only if the
defect was noticed in the same run.
"""
