"""lora-job: one headless command that cleans, trains, probes and publishes a LoRA adapter on a 4-bit base model.

The map of the package, in the order in which data goes through it:

    cli          verbs run | plan | manifest, --help; exceptions become an exit code and metrics.json
    settings     the only reader of the environment; six frozen sections and the output folder
    errors       the failures a user can meet; each class one exit code and one remedy
    rulefile     the user's own cleaning rules: a file of named patterns
    memory       GPU memory of a training step, from a base model's shapes
    plan         what a run would do, without doing it
    host         what is checked before any long work: GPU, memory, disk, volume, Hub access
    rundir       the output folder: records, step(), atomic writes, the difference of two inputs
    pipeline     the order of the stages
    cleaning/    stage 1: sources, rules on batches in any number of processes, duplicates, lengths, split, audit
    modeling/    what stages share: tokenizer and chat text, NF4 base model, precision, loading an adapter
    training/    stage 2: LoRA on the 4-bit base, checkpoints, the adapter and its proof
    probing/     stage 3: answers of base and tuned model side by side, scores
    publishing/  stage 4: model card, data set card, Hub
    reporting/   report.html
    platforms    where batch platforms look for a short text of a failure
    submit/      the same settings as what a queue takes: Kubernetes, cloud batch, Slurm, ...
    results      what flows between stages and into metrics.json
    quickstart/  the embedded base model and rows of the first run

Arrows point one way: cli -> pipeline -> stages -> modeling -> results, settings, errors. No stage imports another.
cli, settings, errors, results, rundir, pipeline, plan, platforms, submit and the cleaning rules import no torch,
transformers, datasets, peft or trl.
"""

__version__ = "0.1.0"
