"""What a run would do, without a GPU, without weights and without writing anything: `python entrypoint.py plan`.

    sections  what is printed, one tuple in its order
    facts     what sections and problems are made from, each found out once
    rows      a sample of each source, cleaned as the run would clean it
    cost      steps, memory, time and price on a named card
    base      the base model's layers, the files and their sizes
    problems  what the run would end with, one tuple in the order in which a run meets it

Heavy libraries are imported only where a fact needs one, so that a wrong setting is reported in half a second.
"""
