"""Any text as a source: files of several kinds, their columns, and the parts of a data set.

module  | what it answers
--------|------------------------------------------------------------------
text    | what is written in a file, and is it text at all?
tables  | which rows and columns does a file of each kind hold?
columns | which of the columns are sentences, which is the label?
content | which pairs and sentences is that, and what was dropped, and why?
cut     | how do labelled pairs become parts that share no sentence?
parts   | which file of a folder is which part?
found   | what was found, as a table for people
"""
