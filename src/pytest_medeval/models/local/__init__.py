"""Models on this machine: torch, transformers and peft are imported here and in training alone."""
