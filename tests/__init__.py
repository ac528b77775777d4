"""The tests of medtorch and of its validation system, laid out as the rooms are."""
