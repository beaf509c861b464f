"""Toy Theatre, an invented vendor: puppets that repeat the steps of a clip.

Its documentation, which nobody can read because there is no such theatre:

- https://toy.invalid/docs/plays: putting on a play and watching it
- https://toy.invalid/docs/acts: the words for how far a play is
- https://toy.invalid/docs/oops: the error codes
- https://toy.invalid/docs/props: giving pictures and clips, and their limits
- https://toy.invalid/docs/purse: prices and what an account holds
"""
