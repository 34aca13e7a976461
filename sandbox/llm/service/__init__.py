"""A local language model in a process of its own: `ModelProcess` asks it, `ModelService` is what answers there.

One process serves all programs of a user that play with the model. It is started when somebody first asks, found
by a record in a folder that is the user's alone, and ends when nobody has asked for a while.
"""
