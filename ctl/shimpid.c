/* shimpid: asks the kernel who holds the lock; see shimpid.h. What the record says is not read.
 */
#include "ctl/shimpid.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/util.h"

pid_t shimpid_find(const struct paths *paths, const char *service)
{
        _cleanup_free_ char *path = xasprintf("%s/%s", paths->shims, service);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (fd < 0 || fcntl(fd, F_GETLK, &l) < 0 || l.l_type == F_UNLCK)
                return 0;
        return l.l_pid;
}
