"""strace, attached to a process that runs already."""

import subprocess


def attached(test, pid, *options):
    """A strace that has PID in its hands: whatever system call that begins from now on is met. It goes with the test."""
    tracer = subprocess.Popen(["strace", "-o", "/dev/null", *options, "-p", str(pid)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    test.addCleanup(tracer.stderr.close)
    test.addCleanup(tracer.wait)
    test.addCleanup(tracer.kill)
    said = tracer.stderr.readline().decode()
    test.assertIn(f"Process {pid} attached", said)
    return tracer


def reads_stdin(pid):
    """Whether PID, whose reads strace holds up, is about to: of all calls that svcctl waits in, read alone begins with
    a descriptor."""
    with open(f"/proc/{pid}/syscall", encoding="ascii") as f:
        return f.read().split()[1:2] == ["0x0"]
