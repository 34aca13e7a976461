"""Work for many processes and machines: jobs, the pools that carry them out, and collecting whole runs with them.

`jobs` says what work is, `inline` does it in this process and `cluster` on Ray, `collecting` plays the episodes of
runs, and `models` lets many workers ask one language model. Ray is imported when it is asked for, and only here.
"""
