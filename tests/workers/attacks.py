"""What hostile code in the sandbox tries: a name, and an expression that raises if it is refused.

``folder`` is the work folder, ``secret`` a file beside it, ``port`` one that is listened on, and
``supervisor`` the pid of the process that started the sandbox.
"""

SETUP = """
import ctypes, fcntl, json, os, resource, signal, socket, subprocess, sys
from pathlib import Path
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result
def iovec():
    memory = ctypes.create_string_buffer(8)
    return (ctypes.c_ulong * 2)(ctypes.addressof(memory), 8)
"""
# In namespaces of its own, the others are not there at all.
REFUSED = ("PermissionError", "OSError", "MemoryError", "FileNotFoundError", "ProcessLookupError")

FILES_AND_PROCESSES = {
    "read the database": "open(secret).read()",
    "read a file of the system": "open('/etc/passwd').read()",
    "list the data folder": "os.listdir(Path(secret).parent)",
    "write the database": "open(secret, 'a').write('x')",
    "empty the database": "os.truncate(secret, 0)",
    "delete the database": "os.unlink(secret)",
    "write beside its folder": "(folder.parent / 'report.json').write_text('x')",
    "write into the program": "(folder.parent / 'package/workers/x.py').write_text('x')",
    "write into /tmp": "Path('/tmp/from-inside').write_text('x')",
    "write into shared memory": "Path('/dev/shm/from-inside').write_text('x')",
    "link a file to itself": "os.link(secret, folder / 'link')",
    "connect to the loopback": "socket.create_connection(('127.0.0.1', port), 5)",
    "IPv6": "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
    "a Unix socket": "socket.socket(socket.AF_UNIX)",
    "netlink": "socket.socket(socket.AF_NETLINK)",
    "a datagram pair": "socket.socketpair(type=socket.SOCK_DGRAM)",
    "signal the supervisor": "os.kill(supervisor, signal.SIGTERM)",
    "read the supervisor's environment": "open(f'/proc/{supervisor}/environ').read()",
    "open the supervisor's memory": "open(f'/proc/{supervisor}/mem')",
    "see what the supervisor has open": "os.readlink(f'/proc/{supervisor}/fd/1')",
    "reach files by the supervisor's root": "os.listdir(f'/proc/{supervisor}/root')",
    "reach files by the supervisor's folder": "os.listdir(f'/proc/{supervisor}/cwd')",
    "leave the process group": "os.setsid()",
    "send a child out of the process group": "subprocess.run(['true'], start_new_session=True)",
    "write a file without end": (
        "os.pwrite(os.open(folder / 'big', os.O_CREAT | os.O_WRONLY), b'x',"
        " resource.getrlimit(resource.RLIMIT_FSIZE)[0] % 2**40)"
    ),
    "take all memory": "bytearray(20 * 2**30)",
    "become root": "os.setresuid(0, 0, 0) or call(105, 0) or call(165, 0, 0, 0, 0, 0)",
    "join another namespace": "call(308, os.open('/proc/self/ns/pid', os.O_RDONLY), 0)",
    "change the root": "os.chroot(folder)",
    "make a device": "os.mknod(folder / 'disk', 0o060600, os.makedev(254, 0))",
    "read the machine's memory": "open('/dev/mem', 'rb').read(1)",
    "read the disk": "open('/dev/vda', 'rb').read(1)",
    "change how cores are dumped": "Path('/proc/sys/kernel/core_pattern').write_text('|x')",
    "press the magic key": "Path('/proc/sysrq-trigger').write_text('h')",
    "write the supervisor's memory score": (
        "Path(f'/proc/{supervisor}/oom_score_adj').write_text('1000')"
    ),
    "make the kernel spare it": "Path('/proc/self/oom_score_adj').write_text('-1000')",
    "see the supervisor's maps": "open(f'/proc/{supervisor}/maps').read()",
    "enter the supervisor's threads": "os.listdir(f'/proc/{supervisor}/task/{supervisor}/cwd')",
    "follow a link out of its folder": (
        "os.symlink(secret, folder / 'out') or open(folder / 'out').read()"
    ),
    "rename a file into its folder": "os.rename(secret, folder / 'mine')",
    "a folder over the program": "os.rename(folder, folder.parent / 'package')",
    "an abstract socket": "socket.socket(socket.AF_UNIX).connect('\\0x')",
    "a raw packet": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "a socket of the host": "socket.socket(40, socket.SOCK_STREAM)",
    "a descriptor of the supervisor": "call(438, os.pidfd_open(supervisor), 0, 0)",
    "signal the supervisor by pidfd": "call(424, os.pidfd_open(supervisor), 15, 0, 0)",
    "queue a signal for the supervisor": (
        "call(129, supervisor, 15, ctypes.create_string_buffer(128))"
    ),
    "raise its own limits": "call(302, 0, 1, (ctypes.c_ulong * 2)(2**62, 2**62), 0)",
    "open files without end": "len([open('/dev/null') for _ in range(5000)])",
    "a file of a huge size": "os.truncate(open(folder / 'huge', 'w').fileno(), 2**40)",
}
OTHERS_OF_THE_SAME_USER = {
    "limit the supervisor's CPU time": "resource.prlimit(supervisor, resource.RLIMIT_CPU, (1, 1))",
    "read the supervisor's limits": "resource.prlimit(supervisor, resource.RLIMIT_CPU)",
    "lower the supervisor's priority": "os.setpriority(os.PRIO_PROCESS, supervisor, 19)",
    "lower the priority of its user": "os.setpriority(os.PRIO_USER, 0, 19)",
    "lower the priority of its group": "os.setpriority(os.PRIO_PGRP, 0, 19)",
    "move the supervisor to one core": "os.sched_setaffinity(supervisor, {0})",
    "make the supervisor wait for idle time": "os.sched_setscheduler("
    "supervisor, os.SCHED_IDLE, os.sched_param(0))",
    "set the supervisor's scheduling": "os.sched_setparam(supervisor, os.sched_param(0))",
    "make the supervisor's disk slow": "call(251, 1, supervisor, 3 << 13)",
    "make its user's disk slow": "call(251, 3, 0, 3 << 13)",
    "move the supervisor's memory": "call(256, supervisor, 64, 0, 0)",
    "open the supervisor's key file to all": "os.chmod(secret, 0o644)",
    "the same by fchmodat2": "call(452, -100, secret.encode(), 0o644, 0)",
    "make a program unusable": "os.fchmod(os.open(sys.executable, os.O_RDONLY), 0o700)",
    "give a file away": "os.chown(secret, 60002, 60002)",
    "give a link away": "os.lchown(secret, 60002, 60002)",
    "give an open file away": "os.fchown(os.open(sys.executable, os.O_RDONLY), 1, 1)",
    "change a file's time": "os.utime(secret, (1, 1))",
    "change an open file's time": "os.utime(os.open(sys.executable, os.O_RDONLY), (1, 1))",
    "label a file": "os.setxattr(secret, 'user.mark', b'x')",
    "label an open file": "os.setxattr(os.open(sys.executable, os.O_RDONLY), 'user.mark', b'x')",
    "remove a label": "os.removexattr(secret, 'user.mark')",
    "make a file immutable": "fcntl.ioctl("
    "os.open(sys.executable, os.O_RDONLY), 0x40086602, b'\\x10' * 8)",
    "watch a folder": "call(294, 0)",
    "watch a folder by dnotify": "fcntl.fcntl(os.open(sys.prefix, os.O_RDONLY), 1026, 4)",
    "make others wait for a lease": "fcntl.fcntl(os.open(sys.executable, os.O_RDONLY), 1024, 0)",
    "share memory": "call(29, 0, 4096, 0o1600)",
    "share a semaphore": "call(64, 0, 1, 0o1600)",
    "share a queue": "call(68, 0, 0o1600)",
    "share a POSIX queue": "call(240, b'queue', 0o102, 0o600, 0)",
    "memory that no limit counts": "os.memfd_create('hidden')",
    "a sibling of the supervisor's children": "call(56, 0x8000 | 17, 0, 0, 0, 0)",
    "a process in a new namespace": "call(56, 0x10000000 | 17, 0, 0, 0, 0)",
    "a file by its handle": "call(304, -100, 0, 0)",
    "type into the terminal": "fcntl.ioctl(2, 0x5412, b'x')",
}
THE_KERNEL = {
    "trace the supervisor": "call(101, 16, supervisor, 0, 0)",
    "read the supervisor's memory from its own": "call(310, supervisor, *(iovec(), 1) * 2, 0)",
    "write the supervisor's memory from its own": "call(311, supervisor, *(iovec(), 1) * 2, 0)",
    "ask for work without system calls": "call(425, 1, ctypes.create_string_buffer(120))",
    "load a program into the kernel": "call(321, 5, ctypes.create_string_buffer(128), 128)",
    "handle its own page faults": "call(323, 0)",
    "count the machine's events": "call(298, ctypes.create_string_buffer(112), -1, 0, -1, 0)",
    "keep a key in the kernel": "call(248, b'user', b'name', b'secret', 6, -2)",
    "join another keyring": "call(250, 1, 0, 0, 0, 0)",
    "be root of its own users": "call(272, 0x10000000)",
    "its own mounts": "call(272, 0x20000)",
    "mount a file system": "call(165, b'none', str(folder).encode(), b'tmpfs', 0, 0)",
    "open a file system": "call(430, b'tmpfs', 0)",
    "copy the tree of files": "call(428, -100, b'/', 1)",
    "replace the root": "call(155, b'.', b'.')",
    "load a module": "call(175, ctypes.create_string_buffer(64), 64, b'')",
    "load another kernel": "call(246, 0, 0, 0, 0)",
    "turn off the keys for a restart": "call(169, 0xFEE1DEAD, 672274793, 0, 0)",
    "name the machine": "call(170, b'evil', 4)",
    "set the clock": "call(227, 0, (ctypes.c_long * 2)(0, 0))",
    "swap to a file": "call(167, str(folder / 'swap').encode(), 0)",
    "read the kernel's log": "call(103, 3, ctypes.create_string_buffer(64), 64)",
    "reach the ports of devices": "call(172, 3)",
    "watch all files": "call(300, 0, 0)",
    "record all processes": "call(163, str(folder / 'accounts').encode())",
    "memory that only it can see": "call(447, 0)",
}
ATTACKS = FILES_AND_PROCESSES | OTHERS_OF_THE_SAME_USER | THE_KERNEL
