"""The command `ask`: base and tuned model answer the same questions, side by side, as the probe asked them.

Not a stage: it reads what a finished run has left, or a repository on the Hub, and writes nothing.

    command   what is asked, and how the command ends
    source    what a run folder says of its model: base, adapter, system prompt, decoding
    hub       the same of a repository
    session   the loaded models
    screen    answers on a terminal while they grow
"""
