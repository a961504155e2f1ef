"""What happened to each mirrored record: which values changed, from what to what, when and why.

A connection's first load writes nothing here: a record begins with its row, and the first change keeps what it had
before. So a value that no entry names is as it was first read, and a first load costs what it did without a history.
"""
