/* preload_failalloc: makes one allocation of a program fail. Loaded by LD_PRELOAD; used by tests/fault.
 *
 *   FAILALLOC_FILE  a file of 8 bytes: the number of allocations so far, kept there (mapped, so that it
 *                   outlives the program however that ends)
 *   FAILALLOC_AT    the allocation that fails, counted from 1; 0 = none
 *
 * Allocations are counted from main() on: before it the C library and the loader are at work. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

static volatile int64_t *count;
static int64_t at;

__attribute__((constructor)) static void begin(void)
{
        const char *path = getenv("FAILALLOC_FILE"), *n = getenv("FAILALLOC_AT");
        int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
        void *map = fd < 0 ? MAP_FAILED
                           : mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (fd >= 0)
                close(fd);
        at = n ? atoll(n) : 0;
        if (map != MAP_FAILED)
                count = map;
}

static int fails(void)
{
        if (!count || ++*count != at)
                return 0;
        errno = ENOMEM;
        return 1;
}

void *malloc(size_t n)
{
        return fails() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
        return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
        return fails() ? NULL : __libc_realloc(p, n);
}
