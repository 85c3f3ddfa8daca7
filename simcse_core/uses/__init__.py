"""What vectors are used for, measured: the study of :mod:`simcse_core.applications`.

module      | what it answers
------------|--------------------------------------------------------------------
data        | which texts are asked, answered and told apart?
cells       | what does one method give in the four uses? A piece of kept computing
comparison  | what does training change?
experiments | the loops behind the notebook
"""
