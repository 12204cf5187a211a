/* journald.c: see journald.h. No state: a socket for each line, since these are few. */
#include "supervisord/journald.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "common/util.h"

const char *journald_socket(void)
{
        const char *path = getenv("SVCD_JOURNAL_SOCKET");
        return path && path[0] == '/' ? path : "/run/systemd/journal/socket";
}

static int priority(const char *source)
{
        return str_eq(source, "svcd") ? LOG_NOTICE : str_eq(source, "mon") ? LOG_WARNING : LOG_INFO;
}

int journald_send(const char *service, int64_t run, const char *source, const char *text)
{
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        const char *path = journald_socket();
        _cleanup_strbuf_ struct strbuf b = {0};
        if (strlen(path) >= sizeof(to.sun_path))
                return -ENAMETOOLONG;
        memcpy(to.sun_path, path, strlen(path));
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        strbuf_addf(&b,
                    "SYSLOG_IDENTIFIER=%s\nSVCD_SERVICE=%s\nSVCD_RUN=%lld\nSVCD_SOURCE=%"
                    "s\nPRIORITY=%d\nMESSAGE=",
                    service, service, (long long)run, source, priority(source));
        for (const char *p = text; *p; p++)
                strbuf_addc(&b, *p == '\n' ? ' ' : *p);
        strbuf_addc(&b, '\n');
        if (sendto(fd, b.s, b.n, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&to,
                   sizeof(to)) < 0)
                return -errno;
        return 0;
}
