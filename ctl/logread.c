/* logread: finds and reads the files of one service's log; see logread.h. It prints nothing and
 * follows nothing.
 */
#include "ctl/logread.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf.h"

#define BLOCK       65536
#define ROTATED_MAX 1000 /* log.keep is not larger */

/* ---- files ---- */

static int open_file(const char *path, struct logfile *ret)
{
        struct stat st;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        *ret = (struct logfile){.fd = TAKE_FD(fd),
                                .dev = st.st_dev,
                                .ino = st.st_ino,
                                .size_bytes = st.st_size,
                                .mtime_ms = (int64_t)st.st_mtim.tv_sec * 1000 +
                                            st.st_mtim.tv_nsec / 1000000};
        return 0;
}

static bool is_known(const struct logread *l, const struct logfile *f)
{
        for (size_t i = 0; i < l->n; i++)
                if (l->files[i].ino == f->ino && l->files[i].dev == f->dev)
                        return true;
        return false;
}

/* Opens the live file first, then older and older ones: a rotation in between only moves a file
 * that is open already to a name that comes later, where it is recognised. So nothing is missed. */
static int open_all(struct logread *l)
{
        struct logfile f = {.fd = -1};
        int r = open_file(l->path, &f);
        if (r < 0 && r != -ENOENT)
                return r;
        l->live = r == 0;
        for (int i = 1; i <= ROTATED_MAX + 1; i++) {
                if (r == 0 && is_known(l, &f)) {
                        close(f.fd);
                } else if (r == 0) {
                        GROW(l->files, l->n, l->cap);
                        l->files[l->n++] = f;
                } else if (i > 1) {
                        break;
                }
                _cleanup_free_ char *path = xasprintf("%s.%d", l->path, i);
                r = open_file(path, &f);
        }
        for (size_t i = 0; i < l->n / 2; i++) { /* oldest first */
                struct logfile swap = l->files[i];
                l->files[i] = l->files[l->n - 1 - i];
                l->files[l->n - 1 - i] = swap;
        }
        return l->n ? 0 : -ENOENT;
}

int logread_open(struct logread *l, const struct paths *paths, const char *name,
                 const struct logfilter *filter)
{
        *l = (struct logread){.name = xstrdup(name), .path = paths_log(paths, name)};
        l->filter = *filter;
        int r = open_all(l);
        if (r < 0)
                logread_done(l);
        return r;
}

void logread_done(struct logread *l)
{
        for (size_t i = 0; i < l->n; i++)
                util_close(l->files[i].fd);
        free(l->files);
        free(l->name);
        free(l->path);
        strbuf_done(&l->buf);
        *l = (struct logread){0};
}

int logread_names(const struct paths *paths, struct strv *ret)
{
        struct dirent **v = NULL;
        int n = scandir(paths->logs, &v, NULL, alphasort);
        if (n < 0)
                return -errno;
        for (int i = 0; i < n; i++) {
                char *name = v[i]->d_name;
                if (str_ends(name, ".log")) {
                        name[strlen(name) - 4] = '\0';
                        if (conf_name_ok(name))
                                strv_add(ret, name);
                }
                free(v[i]);
        }
        free(v);
        return 0;
}

/* ---- where the last lines begin ---- */

/* The search backwards through one file. */
struct back {
        const struct logread *l;
        const struct logfile *f;
        char block[BLOCK];
        int64_t block_at; /* offset of the block; its end is the end of what is searched */
        size_t block_n;
        int64_t line_end; /* end of the line whose beginning is searched */
        int64_t start;    /* of the earliest line that is wanted */
        size_t found, wanted;
        bool done;
};

static bool passes(const struct logfilter *f, const struct logline *line)
{
        if (!(f->sources & 1u << line->source))
                return false;
        return !line->stamped || line->time_ms >= f->since_ms;
}

static bool is_open(const struct logfilter *f)
{
        return f->sources == LOG_ALL_SOURCES && f->since_ms == INT64_MIN;
}

/* The line that begins at AT has been found. */
static void consider(struct back *b, int64_t at)
{
        const struct logfilter *filter = &b->l->filter;
        if (at == b->line_end && at == b->f->size_bytes)
                return; /* behind the last newline is nothing */
        bool good = true;
        if (!is_open(filter)) {
                char head[LOGLINE_HEAD];
                size_t want = (size_t)MIN(b->line_end - at, (int64_t)sizeof(head));
                ssize_t n = pread(b->f->fd, head, want, at);
                struct logline line;
                logline_parse(head, n < 0 ? 0 : (size_t)n, &line);
                good = passes(filter, &line);
                b->done = line.stamped && line.time_ms < filter->since_ms;
        }
        if (good) {
                b->start = at;
                b->found++;
        }
        b->done |= b->found >= b->wanted;
}

static void search_block(struct back *b)
{
        size_t end = b->block_n;
        while (!b->done && end > 0) {
                const char *nl = memrchr(b->block, '\n', end);
                if (!nl)
                        return;
                end = (size_t)(nl - b->block);
                int64_t at = b->block_at + (int64_t)end;
                consider(b, at + 1);
                b->line_end = at;
        }
}

static void search_file(struct back *b)
{
        b->line_end = b->block_at = b->f->size_bytes;
        b->start = b->f->size_bytes;
        while (!b->done && b->block_at > 0) {
                size_t want = (size_t)MIN(b->block_at, (int64_t)BLOCK);
                ssize_t n = pread(b->f->fd, b->block, want, b->block_at - (int64_t)want);
                if (n != (ssize_t)want) {
                        b->done = true; /* cut off while it is read */
                        return;
                }
                b->block_at -= (int64_t)want;
                b->block_n = want;
                search_block(b);
        }
        if (!b->done && b->f->size_bytes > 0)
                consider(b, 0);
}

/* A rotated file that was last written before the time asked for has nothing to say. */
static bool too_old(const struct logread *l, size_t i)
{
        bool is_live = l->live && i + 1 == l->n;
        return !is_live && l->files[i].mtime_ms < l->filter.since_ms;
}

size_t logread_seek(struct logread *l, size_t n)
{
        l->file = 0;
        l->offset = 0;
        if (n == LOGREAD_ALL && l->filter.since_ms == INT64_MIN)
                return 0;
        struct back *b = xcalloc(1, sizeof(*b));
        b->l = l;
        b->wanted = n;
        b->done = n == 0;
        l->file = l->n - 1;
        l->offset = l->files[l->file].size_bytes;
        for (size_t i = l->n; i-- > 0 && !b->done && !too_old(l, i);) {
                size_t before = b->found;
                b->f = &l->files[i];
                search_file(b);
                if (b->found > before) {
                        l->file = i;
                        l->offset = b->start;
                }
        }
        size_t found = b->found;
        free(b);
        return n == LOGREAD_ALL ? 0 : found;
}

/* ---- forwards ---- */

/* Reads on in the current file. False at its end. */
static bool read_more(struct logread *l)
{
        const struct logfile *f = &l->files[l->file];
        int64_t left = f->size_bytes - l->offset;
        if (left <= 0)
                return false;
        char block[BLOCK];
        ssize_t n = pread(f->fd, block, (size_t)MIN(left, (int64_t)BLOCK), l->offset);
        if (n <= 0)
                return false; /* cut off while it is read */
        strbuf_consume(&l->buf, l->pos);
        l->pos = 0;
        l->offset += n;
        strbuf_addn(&l->buf, block, (size_t)n);
        return true;
}

/* The next line, or a piece of one that is too long, or the rest of a file. */
static bool next_line(struct logread *l, const char **ret_line, size_t *ret_n, bool *ret_whole)
{
        size_t searched = 0;
        while (l->file < l->n) {
                size_t have = l->buf.n - l->pos;
                const char *from = have ? l->buf.s + l->pos : "";
                const char *nl =
                    have > searched ? memchr(from + searched, '\n', have - searched) : NULL;
                searched = have;
                bool full = have >= LOGREAD_LINE_MAX;
                if (nl || full || !read_more(l)) {
                        size_t n = nl ? (size_t)(nl - from) : have;
                        l->pos += n + (nl != NULL);
                        *ret_line = from;
                        *ret_n = n;
                        *ret_whole = nl != NULL;
                        if (nl || n)
                                return true;
                        l->file++;
                        l->offset = 0;
                        l->in_line = false; /* a line does not go on in another file */
                        searched = 0;
                }
        }
        return false;
}

bool logread_next(struct logread *l, const char **ret_line, size_t *ret_n, struct logline *ret,
                  bool *ret_whole)
{
        while (next_line(l, ret_line, ret_n, ret_whole)) {
                bool piece = l->in_line;
                l->in_line = !*ret_whole && *ret_n >= LOGREAD_LINE_MAX;
                logline_parse(*ret_line, *ret_n, ret);
                if (piece) /* what continues a line is text whatever it looks like */
                        *ret = (struct logline){.source = LOG_NO_SOURCE,
                                                .text = *ret_line,
                                                .text_n = *ret_n};
                else
                        l->wanted = passes(&l->filter, ret);
                if (l->wanted)
                        return true;
        }
        return false;
}
