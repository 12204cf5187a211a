/* fuzz_record: any bytes in RUN/shims/NAME, a file that the service's user can write to. What is read
 * from it says nothing but a run's number that can be counted on, and whether it is of this boot; that
 * a shim lives only its lock says, and nobody has it here.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisord/record.h"
#include "tests/fuzz/core_check.h"

static char dir[] = "/tmp/fuzz-record-XXXXXX";

static void leave(void)
{
        rmdir(dir);
}

static struct paths *paths(void)
{
        static struct paths p;
        if (!p.shims && mkdtemp(dir)) {
                p.shims = dir;
                atexit(leave);
        }
        return &p;
}

static void put(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *path = path_join(paths()->shims, "a");
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        fuzz_require(fd >= 0 && write(fd, data, size) == (ssize_t)size, "cannot write", path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct record r;
        put(data, size);
        r = record_look(paths(), "a");
        fuzz_require(r.holder == 0, "a holder without a lock", NULL);
        fuzz_require(core_check_number(r.run), "a run's number", NULL);
        fuzz_require(!r.this_boot || memmem(data, size, clock_boot_id(), strlen(clock_boot_id())),
                     "this boot", NULL);
        fuzz_require(core_check_number(r.logged) && core_check_number(r.ended.run) &&
                         core_check_number(r.ended.ran_ms) && core_check_number(r.ended.wall_ms),
                     "how it ended", NULL);
        record_remove(paths(), "a");
        fuzz_require(!record_look(paths(), "a").exists, "removed, and there", NULL);
        return 0;
}
