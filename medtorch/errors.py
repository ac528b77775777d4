"""One tree of errors. Whoever catches `MedtorchError` catches everything that medtorch raises on purpose.

    MedtorchError
    ├── OpError (RuntimeError)          a call of an op that cannot be carried out
    │   ├── ShapeError                  shapes that do not fit
    │   ├── DtypeError (TypeError)      a dtype that the op does not take
    │   ├── DeviceError                 tensors on different devices, or a device that is not there
    │   ├── DimError (IndexError)       a dim or an index out of range
    │   └── ArgumentError (ValueError)  an argument that is unknown, contradicting or out of range
    ├── UnsupportedError (NotImplementedError)   torch has it, medtorch has not
    │   └── UnsupportedNameError (AttributeError)    so for a name of a module: hasattr() says no
    ├── AutogradError (RuntimeError)    the backward pass cannot be made
    │   └── ModifiedError               a saved value was changed in place before backward
    ├── CompileError (RuntimeError)     a model that medtorch.compile cannot capture, or a compiled one used wrongly
    ├── BackendError (RuntimeError)     a backend is missing, or was forced where it cannot run
    ├── ModuleError (RuntimeError)      a module that is put together or called wrongly
    │   ├── ModuleAttributeError (AttributeError)    a member that is not there, or cannot be there yet
    │   ├── ModuleTypeError (TypeError)              a member of the wrong kind
    │   └── ModuleKeyError (KeyError)                a name that a member cannot have
    ├── MissingDependencyError (ImportError)     an optional package is not installed
    ├── LoadError (ValueError)          a file is refused
    │   ├── FileMissingError (FileNotFoundError)     there is no such file
    │   ├── UnreadableError (OSError)   there, but it cannot be read as a file
    │   ├── FormatError                 not the format it claims to be, truncated, contradicting itself
    │   ├── UnsafeError                 asks for something that loading never does
    │   ├── UnsupportedFileError (UnsupportedError)  holds what PyTorch has and medtorch has not
    │   ├── LimitError                  larger, deeper or more numerous than the limits allow
    │   ├── DigestError                 the bytes are not the expected bytes
    │   ├── SchemaError                 a description does not follow its schema
    │   ├── StateDictError (RuntimeError)        names, shapes or dtypes do not fit the architecture
    │   └── GoldenError                 the loaded model does not give its recorded answers
    ├── SaveError (OSError)             a file cannot be written, or is not to be overwritten
    ├── DataError (ValueError)          an image or a data set that cannot be used
    ├── ConfigError (ValueError)        a configuration that cannot be used
    ├── TrainingError (RuntimeError)    training cannot go on
    └── StartupError (RuntimeError)     a service must not start: it is not what was validated

Requires REQ-F-TEN-001
"""

from __future__ import annotations


class MedtorchError(Exception):
    """Root of every error that medtorch raises on purpose."""


class OpError(MedtorchError, RuntimeError):
    """A call of an op that cannot be carried out."""


class ShapeError(OpError, ValueError):
    """Shapes that do not fit."""


class DtypeError(OpError, TypeError):
    """A dtype that the op does not take."""


class DeviceError(OpError):
    """Tensors on different devices, or a device that is not there."""


class DimError(OpError, IndexError):
    """A dim or an index out of range."""


class ArgumentError(OpError, ValueError):
    """An argument that is unknown, contradicting or out of range."""


class UnsupportedError(MedtorchError, NotImplementedError):
    """PyTorch has it, medtorch has not."""


class UnsupportedNameError(UnsupportedError, AttributeError):
    """A name that PyTorch's module has and medtorch's has not."""


class AutogradError(MedtorchError, RuntimeError):
    """The backward pass cannot be made."""


class ModifiedError(AutogradError):
    """A value saved for backward was changed in place before backward."""


class CompileError(MedtorchError, RuntimeError):
    """A model that cannot be captured, or a compiled one used for what it cannot do."""


class BackendError(MedtorchError, RuntimeError):
    """A backend is missing, or was forced where it cannot run."""


class ModuleError(MedtorchError, RuntimeError):
    """A module that is put together or called wrongly."""


class ModuleAttributeError(ModuleError, AttributeError):
    """A member that is not there, or cannot be there yet."""


class ModuleTypeError(ModuleError, TypeError):
    """A member of the wrong kind."""


class ModuleKeyError(ModuleError, KeyError):
    """A name that a member cannot have."""

    __str__ = Exception.__str__  # KeyError would show the text in quotes


class MissingDependencyError(MedtorchError, ImportError):
    """An optional package is not installed; says which extra brings it."""

    def __init__(self, package: str, *, extra: str) -> None:
        super().__init__(f"{package} is not installed: pip install 'medtorch[{extra}]'")
        self.package = package
        self.extra = extra


class LoadError(MedtorchError, ValueError):
    """A file is refused."""


class FileMissingError(LoadError, FileNotFoundError):
    """There is no such file."""


class UnreadableError(LoadError, OSError):
    """The file is there, but it cannot be read as a file."""


class FormatError(LoadError):
    """Not the format it claims to be, truncated, or contradicting itself."""


class UnsafeError(LoadError):
    """Asks for something that loading never does."""


class UnsupportedFileError(LoadError, UnsupportedError):
    """The file holds what PyTorch has and medtorch has not: a dtype, a layout, a format."""


class LimitError(LoadError):
    """Larger, deeper or more numerous than the limits allow."""


class DigestError(LoadError):
    """The bytes are not the expected bytes."""


class SchemaError(LoadError):
    """A description does not follow its schema."""


class StateDictError(LoadError, RuntimeError):
    """Names, shapes or dtypes do not fit the architecture."""


class GoldenError(LoadError):
    """The loaded model does not give its recorded answers."""


class SaveError(MedtorchError, OSError):
    """A file cannot be written, or is not to be overwritten."""


class DataError(MedtorchError, ValueError):
    """An image or a data set that cannot be used."""


class ConfigError(MedtorchError, ValueError):
    """A configuration that cannot be used."""


class TrainingError(MedtorchError, RuntimeError):
    """Training cannot go on."""


class StartupError(MedtorchError, RuntimeError):
    """A service must not start: it is not what was validated."""


class BackendWarning(UserWarning):
    """Another backend computes than the one a full install has. Said once in a process."""
