# SPDX-License-Identifier: BSD-3-Clause
"""Stands in for PyTorch while ZipNN is imported for the comparison.

ZipNN imports torch at start-up although compressing bytes never calls it, and torch is several GB.
Every name here is an empty class that is also a decorator which changes nothing; whoever really
used tensors through it would fail at once.
"""


class _Name(type):
    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return _Name(name, (), {})

    def __call__(cls, *args):
        return args[0] if len(args) == 1 and callable(args[0]) else None


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return _Name(name, (), {})
