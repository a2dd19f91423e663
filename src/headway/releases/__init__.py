"""What a release is: one digest over everything that decides how a process behaves.

Decides which changes of a description make a new release (`package.py`). Never builds, starts or
stops anything. `io/` reads the files a release is made of. Start with `package.py`.
"""
