"""What :class:`simcse_core.encoder.SentenceEncoder` is made of.

module      | what it answers
------------|--------------------------------------------------------------------
loading     | which folder does a name mean, and is what lies there an encoder?
vocabulary  | what does its tokenizer know?
pooling     | how do a model's outputs become sentence vectors?
projection  | which linear map follows, such as whitening?
persistence | what does a folder say of its encoder beside the weights?
fingerprint | which hash has all that decides a vector?
self_check  | does it do what training and measuring take for granted?
"""
