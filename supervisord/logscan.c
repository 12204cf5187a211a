/* logscan.c: see logscan.h. It deletes what nobody needs any more and decides nothing else. */
#include "supervisord/logscan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/util.h"
#include "supervisord/core/core.h"

int logscan_begin(struct logscan *s, const char *folder)
{
        logscan_done(s);
        s->dir = opendir(folder);
        return s->dir ? 0 : -errno;
}

void logscan_done(struct logscan *s)
{
        if (s->dir)
                closedir(s->dir);
        s->dir = NULL;
        logplan_logs_done(&s->logs);
}

static void look_at(struct logscan *s, const char *name, uint64_t packing)
{
        char service[OLDLOG_NAME_MAX];
        struct logplan_file f = {.first_ms = LOGPLAN_NEVER};
        uint64_t inode;
        struct stat st;
        if (oldlog_parse_pack(name, &inode) && inode != packing) {
                unlinkat(dirfd(s->dir), name, 0);
                return;
        }
        if (!oldlog_parse(name, service, &f.number, &f.kind) ||
            fstatat(dirfd(s->dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                return;
        f.inode = st.st_ino;
        f.bytes = st.st_size;
        f.last_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
        f.last_ns = st.st_mtim.tv_nsec;
        logplan_add(logplan_log(&s->logs, service), &f);
}

bool logscan_some(struct logscan *s, uint64_t packing)
{
        for (int i = 0; i < LOGSCAN_PART; i++) {
                const struct dirent *e = readdir(s->dir);
                if (!e) {
                        closedir(s->dir);
                        s->dir = NULL;
                        return true;
                }
                look_at(s, e->d_name, packing);
        }
        return false;
}

/* Of the first line; where lines have no times, of the file's birth. */
static int64_t first_ms(const char *folder, const char *service)
{
        char line[64];
        struct statx x;
        _cleanup_free_ char *path = xasprintf("%s/%s.log", folder, service);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        ssize_t n = fd < 0 ? -1 : pread(fd, line, sizeof(line), 0);
        int64_t at = n > 0 ? logplan_line_ms(line, (size_t)n) : LOGPLAN_NEVER;
        if (at != LOGPLAN_NEVER || n <= 0 || statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &x) < 0 ||
            !(x.stx_mask & STATX_BTIME))
                return at;
        return (int64_t)x.stx_btime.tv_sec * 1000 + x.stx_btime.tv_nsec / 1000000;
}

void logscan_rules(struct logscan *s, const char *folder, const struct core *c)
{
        for (size_t i = 0; i < core_count(c); i++) {
                const struct core_service *svc = core_at(c, i);
                if (!svc->def)
                        continue;
                struct logplan_log *log = logplan_log(&s->logs, svc->name);
                log->defined = true;
                log->keep = (int)svc->def->log_keep.v;
                log->compress = svc->def->log_compress.v != 0;
                log->max_age_ms = svc->def->log_max_age.set ? svc->def->log_max_age.v : 0;
                for (size_t k = 0; log->max_age_ms && k < log->n; k++)
                        if (log->files[k].number == 0)
                                log->files[k].first_ms = first_ms(folder, svc->name);
        }
}
