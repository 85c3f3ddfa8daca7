"""Several sources side by side: what SimCSE changes on each, and what to take there.

module      | what it answers
------------|--------------------------------------------------------------------
data        | which pairs and sentences of each source are measured?
cells       | what does one method give on one source? A piece of kept computing
comparison  | what is gained on each?
choice      | what should be taken where, and does a rule without labels choose it?
indicators  | what tells whether SimCSE helps?
experiments | the loops behind the notebook
"""
