"""Uses of sentence vectors: question recall, intents, pseudo-labels, out-of-scope utterances.

Every function takes ``encode``, which maps n texts to an array of shape (n, hidden), so any encoder
will do: a neural one, TF-IDF, or one of another library. Nothing here knows torch but the command
line, ``python -m simcse_core.applications``.
"""
