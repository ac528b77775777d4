"""What an image holds: its content digest, measured inside it or from its layers, and the report bound to it."""
