"""Pretrains a small Chinese BERT from plain text, one sentence a line; see docs/pretraining.md.

Data flows one way: ``text`` -> ``vocabulary`` -> ``corpus`` -> ``batches`` -> ``step`` -> ``run``
-> ``export``; ``recipe`` says how, ``measure`` and ``card`` tell what came out.
"""
