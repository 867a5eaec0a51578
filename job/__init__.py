"""lora-job: one headless command that cleans, trains, probes and publishes a LoRA adapter on a 4-bit base model.

The map of the package, in the order in which data flows through it:

    __main__     where every run starts; answers SIGTERM before the imports
    cli          the command line
    start        one start of a run: what may refuse it, the process that is watched, its ending
    export       the command of that name: more forms of the model of a finished run
    trained_base the base model that an adapter was trained on, found again
    pipeline     the function that walks the stages: the whole program
    stages       the stages, one tuple, and how each is called
    outcome      what a start that has done its work says of the run: a negative verdict, nothing published
    inputs       what each stage's result depends on
    errors       the failures that a user can meet, each with an exit code and a remedy
    results/     what flows between stages and into metrics.json
    settings/    every variable: fields, how a source is written, env files, --help
    runs/        the run folder and the life of a run: records, metrics.json, log lines, signals, redaction, endings
    hosts/       what differs between machines: GPU, driver, disk, libraries' variables, the Hub, platforms
    cleaning/    stage 1: sources, rules on batches in any number of processes, duplicates, lengths, split, audit
    modeling/    what stages share: base model in NF4, its layers and sizes, tokenizer, chat text, precision
    parallel/    several processes for the work of one stage: how they start, what they tell each other, how they end
    training/    stage 2: LoRA on the 4-bit base, optimizations, memory, checkpoints, the adapter and its round trip
    probing/     stage 3: answers of base and tuned model side by side, scores
    exporting/   stage 4: the tuned model in the forms that other tools take, each proven by a fresh process
    publishing/  stage 5: model card, data set card, and the only package that writes to the Hub
    reporting/   report.html
    asking/      the command `ask`: questions to base and tuned model of a finished run
    plan/        what a run would do, without doing it: a sample of the rows, cost on a card, problems
    submit/      the same settings as a manifest for a queue: Kubernetes, cloud batch, Slurm, ...
    quickstart/  the embedded base model and rows of the first run

Arrows point one way: cli -> start -> pipeline -> stages -> (parallel, modeling, hosts, runs) -> results, settings, errors. No
stage imports another; the probe alone asks the cleaning rules whether filler came back. Settings come from settings alone,
only runs writes records. cli, start, pipeline, stages, outcome, inputs, plan, errors, results, settings, runs, submit, the
cleaning rules and the scores import no torch, transformers, datasets, peft or trl.
"""

import time

__version__ = "0.1.0"
BEGAN = time.monotonic()
"""Of this process, or of the one that forked it: this module is imported before all others of the job."""
