"""What the native module offers to Python."""

compiler: str

def instruction_sets() -> list[str]: ...
