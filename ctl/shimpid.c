/* shimpid: asks the kernel who holds the lock; see shimpid.h. What the record says is believed only as far as /proc
 * bears it out.
 */
#include "ctl/shimpid.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/holder.h"
#include "common/util.h"

#define RECORD_MAX 4096

pid_t shimpid_find(const struct paths *paths, const char *service)
{
        _cleanup_free_ char *path = xasprintf("%s/%s", paths->shims, service);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (fd < 0 || fcntl(fd, F_GETLK, &l) < 0 || l.l_type == F_UNLCK)
                return 0;
        return l.l_pid;
}

pid_t shimpid_main(const struct paths *paths, const char *service, pid_t shim)
{
        _cleanup_free_ char *path = path_join(paths->shims, service), *text = NULL;
        if (shim <= 0 || file_read(path, RECORD_MAX, &text, NULL) < 0)
                return 0;
        const char *line = strstr(text, "\nmain=");
        long pid = line ? strtol(line + strlen("\nmain="), NULL, 10) : 0;
        return pid > 1 && pid <= INT_MAX && holder_parent((pid_t)pid) == shim ? (pid_t)pid : 0;
}
