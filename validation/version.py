"""The version of the validation tool, written into every report it makes."""

VERSION = "0.1.0"
