"""A small search engine over the Python documentation that every machine with Python has.

Four services: `frontend` (the page) asks `index` (the answers), `spell` (did you mean) and `ads`
(sample advertisements) at the same time, and leaves out what is late. `site.yaml` describes them.
"""
