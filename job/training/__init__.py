"""Stage 2: LoRA on the 4-bit base. Knows nothing about where rows came from or where the adapter goes."""
