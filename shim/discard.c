/* discard: see discard.h. Knows nothing of logs. */
#include "shim/discard.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FUTEX_WAIT_OP 0 /* linux/futex.h, which musl-gcc does not find */

/* While the thread is there. The kernel sets it to 0, and wakes who waits for that, when it has ended. */
static volatile uint32_t letting_go;

/* A thread that closes FD and ends. Like vfork's child it returns into the frame of its parent, but at the same time:
 * so it must not touch the stack, nor call anything. */
static bool close_elsewhere(int fd)
{
        long r = -ENOSYS;
        letting_go = 1;
#if defined(__x86_64__)
        const long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                           CLONE_SYSVSEM | CLONE_CHILD_CLEARTID;
        register long child_tid __asm__("r10") = (long)&letting_go;
        register long tls __asm__("r8") = 0;
        __asm__ volatile("syscall\n\t"
                         "test %%rax, %%rax\n\t"
                         "jnz 1f\n\t"
                         "mov %[fd], %%edi\n\t"
                         "mov %[close], %%eax\n\t"
                         "syscall\n\t"
                         "xor %%edi, %%edi\n\t"
                         "mov %[exit], %%eax\n\t"
                         "syscall\n"
                         "1:"
                         : "=a"(r)
                         : "0"((long)SYS_clone), "D"(flags), "S"(0L), "d"(0L), "r"(child_tid),
                           "r"(tls), [fd] "b"(fd), [close] "i"(SYS_close), [exit] "i"(SYS_exit)
                         : "rcx", "r11", "cc", "memory");
#elif defined(__aarch64__)
        register long x0 __asm__("x0") = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
                                         CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID;
        register long x1 __asm__("x1") = 0, x2 __asm__("x2") = 0, x3 __asm__("x3") = 0;
        register long x4 __asm__("x4") = (long)&letting_go;
        register long x8 __asm__("x8") = SYS_clone;
        register long x9 __asm__("x9") = fd;
        __asm__ volatile("svc 0\n\t"
                         "cbnz x0, 1f\n\t"
                         "mov x0, x9\n\t"
                         "mov x8, %[close]\n\t"
                         "svc 0\n\t"
                         "mov x0, 0\n\t"
                         "mov x8, %[exit]\n\t"
                         "svc 0\n"
                         "1:"
                         : "+r"(x0), "+r"(x8)
                         : "r"(x1), "r"(x2), "r"(x3), "r"(x4),
                           "r"(x9), [close] "i"(SYS_close), [exit] "i"(SYS_exit)
                         : "cc", "memory");
        r = x0;
#else
        (void)fd;
#endif
        if (r < 0)
                letting_go = 0;
        return r > 0;
}

int discard_file(const char *path)
{
        struct stat st;
        int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return -ENOENT;
        int r = unlink(path) < 0 ? -errno : 0;
        bool large = r == 0 && fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
                     st.st_nlink == 0 && st.st_size >= DISCARD_MIN_BYTES;
        if (fd >= 0 && !(large && !letting_go && close_elsewhere(fd)))
                close(fd);
        return r;
}

bool discard_wait(void)
{
        bool waited = false;
        for (uint32_t now; (now = letting_go) != 0; waited = true)
                syscall(SYS_futex, &letting_go, FUTEX_WAIT_OP, now, NULL, NULL, 0);
        return waited;
}

bool discard_helps(int error)
{
        error = error < 0 ? -error : error;
        return (error == ENOSPC || error == EDQUOT) && discard_wait();
}
