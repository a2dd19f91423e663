"""Decides who may do what. Never asks who somebody is: the faces find that out.

Start with `authorize.py`: one question, one table.
"""
