"""Typed sentences before and after SimCSE.

module     | what it answers
-----------|---------------------------------------------------------------------
plane      | where do labelled pairs lie, in two dimensions?
cells      | what becomes of them along training? A piece of kept computing
experiment | what can be asked of an encoder before and after?
widgets    | fields and a slider, in JupyterLab
"""
