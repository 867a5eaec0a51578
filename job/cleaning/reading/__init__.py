"""Files and data sets as rows: dicts of columns, before anybody asks what the columns mean.

Files are read without `datasets`: its readers stop at the first row of another type or encoding, but one bad line must
cost only that line.
"""
