"""The system calls that a server may make: an allow-list, grouped by what they are for.

Decides: the names and the conditions on their arguments. Does not decide how a filter is made of them:
`profile` writes Docker's JSON, `filter` the kernel's own program for bubblewrap, from this one list.

What is not named here is answered with ENOSYS, as an older kernel would: libraries then fall back (an engine whose
profiles cannot say that answers EPERM). So are all calls that a later kernel adds. Left out on purpose: io_uring,
userfaultfd, kernel keys, bpf, perf, tracing and reading other processes' memory, mounts and namespaces, handles that
pass by folders, modules, kexec, clocks, swap, quotas, NUMA policy, message queues, and files in memory
(`memfd_create`), which would be executable whatever is mounted how.
"""

from dataclasses import dataclass
from typing import Literal

EPERM = 1
ENOSYS = 38

_NEW_NAMESPACES = 0x7E020080
"""CLONE_NEW{TIME,NS,CGROUP,UTS,IPC,USER,PID,NET}: each hands out fresh kernel interfaces, a user namespace power."""

_UNTRACED = 0x00800000
"""CLONE_UNTRACED: only the kernel's own threads need it, and it would be a way out of `watch_inside`."""

_SOCKET_FAMILIES = (1, 2, 10, 16)
"""UNIX, INET, INET6, NETLINK (which lists the own interfaces). Not ALG, not PACKET, and not VSOCK,
which reaches past the network namespace to a hypervisor."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Condition:
    """A call that is allowed only when the low 32 bits of one argument fit; otherwise it is refused with EPERM.

    Attributes:
        test: `equals` any of `values`, or has no bit of `values[0]` (`lacks`).
    """

    argument: int
    test: Literal["equals", "lacks"]
    values: tuple[int, ...]


CONDITIONS: dict[str, Condition] = {
    "clone": Condition(0, "lacks", (_NEW_NAMESPACES | _UNTRACED,)),
    "socket": Condition(0, "equals", _SOCKET_FAMILIES),
    "socketpair": Condition(0, "equals", (1,)),
    # The default and the question; the others switch off address randomisation or old protections.
    "personality": Condition(0, "equals", (0, 0xFFFFFFFF)),
    # Character and block devices have this bit of the file type; plain files, pipes and sockets do not.
    "mknod": Condition(1, "lacks", (0o020000,)),
    "mknodat": Condition(2, "lacks", (0o020000,)),
}

ALLOWED: frozenset[str] = _words(
    """
    read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2
    open openat openat2 creat close close_range lseek dup dup2 dup3 fcntl flock ioctl
    stat fstat lstat newfstatat statx statfs fstatfs access faccessat faccessat2 readlink readlinkat
    getdents getdents64 getcwd chdir fchdir mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2
    link linkat symlink symlinkat chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat
    utime utimes utimensat futimesat umask truncate ftruncate fallocate fadvise64 readahead cachestat
    sync syncfs fsync fdatasync sync_file_range copy_file_range sendfile splice tee vmsplice pipe pipe2
    getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
    setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr
    inotify_init inotify_init1 inotify_add_watch inotify_rm_watch

    brk mmap munmap mprotect mremap madvise mincore msync mlock mlock2 munlock mlockall munlockall membarrier
    mseal map_shadow_stack pkey_alloc pkey_free pkey_mprotect
    shmget shmat shmctl shmdt semget semop semctl semtimedop

    execve fork vfork wait4 waitid exit exit_group kill tkill tgkill pidfd_open pidfd_send_signal
    getpid getppid gettid getpgid setpgid getpgrp getsid setsid set_tid_address set_robust_list get_robust_list
    futex futex_waitv futex_wake futex_wait futex_requeue rseq prctl arch_prctl prlimit64 getrlimit setrlimit
    getrusage times sysinfo uname getcpu getrandom capget capset seccomp
    sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_setparam sched_getscheduler
    sched_setscheduler sched_get_priority_max sched_get_priority_min sched_rr_get_interval sched_getattr
    sched_setattr getpriority setpriority ioprio_get
    landlock_create_ruleset landlock_add_rule landlock_restrict_self

    getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid
    setresgid setgroups setfsuid setfsgid

    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo
    rt_sigsuspend sigaltstack signalfd signalfd4 pause alarm restart_syscall

    time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep getitimer setitimer
    timer_create timer_settime timer_gettime timer_getoverrun timer_delete
    timerfd_create timerfd_settime timerfd_gettime

    poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
    eventfd eventfd2

    bind listen accept accept4 connect getsockname getpeername sendto recvfrom sendmsg recvmsg sendmmsg
    recvmmsg shutdown setsockopt getsockopt
    """
)
"""Allowed whatever their arguments are. None of them does what the user's rights and capabilities would not allow."""

REFUSED_BY_NAME: frozenset[str] = _words(
    """
    unshare setns mount umount2 pivot_root chroot open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr
    ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp bpf perf_event_open
    userfaultfd add_key request_key keyctl kexec_load kexec_file_load init_module finit_module delete_module
    open_by_handle_at name_to_handle_at quotactl acct swapon swapoff reboot syslog settimeofday clock_settime
    adjtimex clock_adjtime iopl ioperm modify_ldt fanotify_init mbind set_mempolicy move_pages migrate_pages
    sethostname setdomainname vhangup
    """
)
"""Refused with EPERM: their callers take ENOSYS for a broken system. No call is allowed by not standing here."""

ABSENT: frozenset[str] = frozenset({"clone3", "memfd_create", "memfd_secret", "execveat", "io_uring_setup"})
"""Refused with ENOSYS by every engine, because libraries fall back from that. The flags of clone3 lie behind a pointer
that no filter can follow; without it, libraries use clone."""
