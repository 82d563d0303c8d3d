"""Run as a process: becomes Python with these arguments on a machine that, for it and its children,
has no Landlock.
"""

import errno
import os
import sys

import pyseccomp

rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "landlock_create_ruleset")
rules.load()
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
