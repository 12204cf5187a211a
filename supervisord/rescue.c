/* rescue.c: see rescue.h. Reads pipes of processes that are about to be killed; kills nothing. */
#include "supervisord/rescue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/util.h"
#include "supervisord/appendfile.h"

#define TAIL_FILES 100 /* NAME.log and its rotated ones: an account's limits may keep them small */

bool rescue_begin(struct rescue *rescue, const struct record *r)
{
        rescue_done(rescue);
        rescue->inode[0] = r->this_boot ? r->out : 0;
        rescue->inode[1] = r->this_boot ? r->err : 0;
        return rescue->inode[0] || rescue->inode[1];
}

void rescue_take(struct rescue *rescue, pid_t pid)
{
        for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
                char path[48];
                struct stat st;
                snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
                if (stat(path, &st) < 0 || !S_ISFIFO(st.st_mode))
                        continue;
                for (int i = 0; i < 2; i++)
                        if (rescue->fd[i] < 0 && rescue->inode[i] == st.st_ino)
                                rescue->fd[i] = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        }
}

static void read_all(int fd, struct strbuf *b)
{
        char buf[16384];
        ssize_t n;
        while (b->n < RESCUE_MAX_BYTES &&
               ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR)))
                strbuf_addn(b, buf, n > 0 ? (size_t)n : 0);
}

/* A line that does not fit into MOST bytes is cut and marked as the shim does it (shim/logput.h). */
static void add_line(struct strbuf *to, const char *when, const char *source, const char *line,
                     size_t n, size_t most)
{
        size_t head = strlen(when) + strlen(source) + 3; /* two blanks and a newline */
        for (;;) {
                size_t part = n + head <= most || most <= head ? n : most - head;
                strbuf_addf(to, "%s %s ", when, source);
                strbuf_addn(to, line, part);
                strbuf_addc(to, '\n');
                line += part;
                n -= part;
                if (n == 0)
                        return;
                strbuf_addf(to, "%s svcd line continued source=%s\n", when, source);
        }
}

static void add_lines(struct strbuf *to, const struct strbuf *from, const char *source, size_t most)
{
        char when[CLOCK_TEXT_MAX];
        clock_text(clock_wall_ms(), when);
        for (size_t at = 0; at < from->n;) {
                const char *line = from->s + at, *end = memchr(line, '\n', from->n - at);
                size_t n = end ? (size_t)(end - line) : from->n - at;
                add_line(to, when, source, line, n, most);
                at += n + 1;
        }
}

/* How much of N bytes goes into one file of at most MOST: whole lines, if one fits. */
static size_t portion(const char *p, size_t n, size_t most)
{
        if (n <= most)
                return n;
        const char *newline = memrchr(p, '\n', most);
        return newline ? (size_t)(newline - p) + 1 : most;
}

static int64_t count_lines(const char *p, size_t n)
{
        int64_t lines = 0;
        for (size_t k = 0; k < n; k++)
                lines += p[k] == '\n' || k + 1 == n;
        return lines;
}

/* The last bytes of a file as a string. */
static char *tail(const char *path, size_t most, size_t *ret_n)
{
        *ret_n = 0;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return xstrdup("");
        off_t at = MAX(st.st_size - (off_t)most, (off_t)0);
        most = (size_t)MIN(st.st_size, (off_t)most);
        char *text = xmalloc(most + 1);
        ssize_t n = pread(fd, text, most, at);
        *ret_n = (size_t)MAX(n, (ssize_t)0);
        text[*ret_n] = '\0';
        return text;
}

int rescue_write(struct rescue *rescue, const char *path, const struct conf_service *def,
                 int64_t *ret_lines)
{
        static const char *const sources[] = {"out", "err"};
        _cleanup_strbuf_ struct strbuf all = {0};
        size_t most = def ? (size_t)def->log_max_size.v : SIZE_MAX;
        for (int i = 0; i < 2; i++) {
                _cleanup_strbuf_ struct strbuf b = {0};
                if (rescue->fd[i] >= 0)
                        read_all(rescue->fd[i], &b);
                if (def && !def->log_timestamps.v)
                        strbuf_addn(&all, b.s, b.n);
                else
                        add_lines(&all, &b, sources[i], most);
        }
        rescue_done(rescue);
        *ret_lines = 0;
        int r = 0;
        for (size_t at = 0, n; at < all.n && r == 0 && (!def || def->log_file.v); at += n) {
                n = portion(all.s + at, all.n - at, most);
                r = appendfile_write(path, all.s + at, n, def ? def->log_max_size.v : 0,
                                     def ? (int)def->log_keep.v : 0,
                                     def ? (mode_t)def->log_mode.v : 0600);
                if (r < 0)
                        *ret_lines = count_lines(all.s + at, all.n - at);
        }
        return r;
}

void rescue_done(struct rescue *rescue)
{
        for (int i = 0; i < 2; i++)
                rescue->fd[i] = util_close(rescue->fd[i]);
}

/* In a line of svcd's: what comes before, the time, has no blank. */
static int64_t last_run_in(const char *text, size_t n, const char *what)
{
        int64_t run = 0;
        const char *p = text, *end = text + n;
        while ((p = memmem(p, (size_t)(end - p), what, strlen(what)))) {
                const char *line = p;
                while (line > text && line[-1] != '\n' && line[-1] != ' ')
                        line--;
                p += strlen(what);
                if (line == text || line[-1] == '\n')
                        run = record_run(p);
        }
        return run;
}

static int64_t last_told(const char *path, size_t most, const char *what)
{
        int64_t run = 0;
        for (int i = 0; i < TAIL_FILES && run == 0 && most > 0; i++) {
                _cleanup_free_ char *file = i ? xasprintf("%s.%d", path, i) : xstrdup(path);
                size_t n;
                if (i > 1 && access(file, F_OK) < 0)
                        break;
                _cleanup_free_ char *text = tail(file, most, &n);
                /* What begins in the middle of a line is not looked at. */
                const char *begin = n == most ? memchr(text, '\n', n) : text;
                run = begin ? last_run_in(begin, n - (size_t)(begin - text), what) : 0;
                most -= n;
        }
        return run;
}

int64_t rescue_last_run(const char *path, size_t most)
{
        return last_told(path, most, " svcd started run=");
}

int64_t rescue_last_end(const char *path, size_t most)
{
        return MAX(last_told(path, most, " svcd exited run="),
                   last_told(path, most, " svcd start failed run="));
}

struct core_event rescue_event(const struct paths *paths, const char *service)
{
        struct record r = record_look(paths, service);
        _cleanup_free_ char *log = paths_log(paths, service);
        return (struct core_event){
            .type = CORE_EV_LOST,
            .uid = -1,
            .run = MAX(r.run, rescue_last_run(log, RESCUE_MAX_BYTES)),
            .logged = MAX(r.logged, rescue_last_end(log, RESCUE_MAX_BYTES)),
            .logged_sure = r.tells,
            .exit = {.run = r.ended.run,
                     .pid = r.ended.pid,
                     .wstatus = (int)r.ended.wstatus,
                     .ran_ms = r.ended.ran_ms,
                     .at_wall_ms = r.ended.wall_ms},
        };
}
