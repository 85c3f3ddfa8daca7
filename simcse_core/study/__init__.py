"""The notebooks of a study, run in order: ``python -m simcse_core.study``.

module       | what it answers
-------------|-------------------------------------------------------------------
notebooks    | which notebooks are there, and which parameters are written in them?
profiles     | which values does a profile give them, and which the command line?
planned      | which cells is a notebook going to compute?
checks       | can all of that be used? Tried before anything is trained
ahead        | cells of later notebooks, computed while earlier ones run
bar          | how far is the study, and how long will it take?
kernels      | notebook kernels, forked from one that has imported what they need
committed    | in what do executed notebooks differ from the committed ones?
command_line | what was typed?
run          | papermill, and what failed
"""
