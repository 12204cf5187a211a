/* util.c: cleanup helpers, allocation that cannot fail, strings, string lists, whole files.
 * Nothing here knows what svcd is; see util.h for ownership and errors. */
#include "common/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void util_freep(void *pp)
{
        free(*(void **)pp);
}

void util_closep(const int *fd)
{
        util_close(*fd);
}

void util_fclosep(FILE **fp)
{
        if (*fp)
                fclose(*fp);
}

int util_close(int fd)
{
        if (fd >= 0) {
                int saved = errno;
                close(fd);
                errno = saved;
        }
        return -1;
}

void util_oom(void)
{
        static const char text[] = "out of memory: stopping; services go on in their shims\n";
        if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
                abort();
        abort();
}

void *xmalloc(size_t size_bytes)
{
        void *p = malloc(size_bytes ? size_bytes : 1);
        if (!p)
                util_oom();
        return p;
}

void *xcalloc(size_t n, size_t size_bytes)
{
        void *p = calloc(n ? n : 1, size_bytes ? size_bytes : 1);
        if (!p)
                util_oom();
        return p;
}

void *xrealloc(void *p, size_t size_bytes)
{
        void *q = realloc(p, size_bytes ? size_bytes : 1);
        if (!q)
                util_oom();
        return q;
}

char *xstrdup(const char *s)
{
        char *p = strdup(s);
        if (!p)
                util_oom();
        return p;
}

char *xstrndup(const char *s, size_t n)
{
        char *p = strndup(s, n);
        if (!p)
                util_oom();
        return p;
}

char *xvasprintf(const char *fmt, va_list ap)
{
        char *s;
        if (vasprintf(&s, fmt, ap) < 0)
                util_oom();
        return s;
}

char *xasprintf(const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        char *s = xvasprintf(fmt, ap);
        va_end(ap);
        return s;
}

bool str_eq(const char *a, const char *b)
{
        return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_starts(const char *s, const char *prefix)
{
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
        size_t n = strlen(s), m = strlen(suffix);
        return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

uint64_t str_hash(const void *data, size_t n_bytes, uint64_t seed)
{
        const unsigned char *p = data;
        uint64_t h = seed ? seed : UINT64_C(0xcbf29ce484222325);
        for (size_t i = 0; i < n_bytes; i++)
                h = (h ^ p[i]) * UINT64_C(0x100000001b3);
        return h;
}

uint64_t str_hash_long(const void *data, size_t n_bytes, uint64_t seed)
{
        const char *p = data;
        uint64_t h = str_hash(&n_bytes, sizeof(n_bytes), seed), word;
        for (; n_bytes >= sizeof(word); p += sizeof(word), n_bytes -= sizeof(word)) {
                memcpy(&word, p, sizeof(word));
                h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
                h ^= h >> 32; /* a product's low bits know of the word's low ones alone */
        }
        return str_hash(p, n_bytes, h);
}

void strbuf_done(struct strbuf *b)
{
        free(b->s);
        *b = (struct strbuf){0};
}

void strbuf_reserve(struct strbuf *b, size_t n_bytes)
{
        if (b->n + n_bytes + 1 <= b->cap)
                return;
        size_t cap = b->cap ? b->cap : 64;
        while (cap < b->n + n_bytes + 1)
                cap *= 2;
        b->s = xrealloc(b->s, cap);
        b->cap = cap;
}

void strbuf_addn(struct strbuf *b, const void *data, size_t n_bytes)
{
        strbuf_reserve(b, n_bytes);
        if (n_bytes)
                memcpy(b->s + b->n, data, n_bytes);
        b->n += n_bytes;
        b->s[b->n] = '\0';
}

void strbuf_add(struct strbuf *b, const char *s)
{
        strbuf_addn(b, s, strlen(s));
}

void strbuf_addc(struct strbuf *b, char c)
{
        strbuf_reserve(b, 1);
        b->s[b->n++] = c;
        b->s[b->n] = '\0';
}

void strbuf_addi(struct strbuf *b, int64_t v)
{
        char digits[20], *last = digits + sizeof(digits), *d = last;
        uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
        do {
                *--d = (char)('0' + u % 10);
                u /= 10;
        } while (u);
        if (v < 0)
                *--d = '-';
        strbuf_addn(b, d, (size_t)(last - d));
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
        va_list ap;
        strbuf_reserve(b, 1);
        for (;;) {
                size_t room = b->cap - b->n;
                va_start(ap, fmt);
                int n = vsnprintf(b->s + b->n, room, fmt, ap);
                va_end(ap);
                if (n < 0)
                        util_oom();
                if ((size_t)n < room) {
                        b->n += (size_t)n;
                        return;
                }
                strbuf_reserve(b, (size_t)n);
        }
}

void strbuf_cut(struct strbuf *b, size_t n_bytes)
{
        if (n_bytes >= b->n)
                return;
        b->n = n_bytes;
        b->s[n_bytes] = '\0';
}

void strbuf_consume(struct strbuf *b, size_t n_bytes)
{
        if (n_bytes == 0)
                return;
        b->n -= n_bytes;
        memmove(b->s, b->s + n_bytes, b->n + 1);
}

char *strbuf_take(struct strbuf *b)
{
        char *s = b->s ? b->s : xstrdup("");
        *b = (struct strbuf){0};
        return s;
}

void strv_done(struct strv *l)
{
        for (size_t i = 0; i < l->n; i++)
                free(l->v[i]);
        free(l->v);
        *l = (struct strv){0};
}

void strv_take(struct strv *l, char *s)
{
        if (l->n + 2 > l->cap) {
                l->cap = l->cap ? 2 * l->cap : 8;
                l->v = xrealloc(l->v, l->cap * sizeof(*l->v));
        }
        l->v[l->n++] = s;
        l->v[l->n] = NULL;
}

void strv_add(struct strv *l, const char *s)
{
        strv_take(l, xstrdup(s));
}

bool strv_has(const struct strv *l, const char *s)
{
        for (size_t i = 0; i < l->n; i++)
                if (strcmp(l->v[i], s) == 0)
                        return true;
        return false;
}

bool strv_eq(const struct strv *a, const struct strv *b)
{
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++)
                if (strcmp(a->v[i], b->v[i]) != 0)
                        return false;
        return true;
}

void strv_copy(struct strv *dst, const struct strv *src)
{
        struct strv copy = {0};
        for (size_t i = 0; i < src->n; i++)
                strv_add(&copy, src->v[i]);
        strv_done(dst);
        *dst = copy;
}

char *strv_join(const struct strv *l, const char *separator)
{
        struct strbuf b = {0};
        for (size_t i = 0; i < l->n; i++) {
                if (i)
                        strbuf_add(&b, separator);
                strbuf_add(&b, l->v[i]);
        }
        return strbuf_take(&b);
}

int file_read_fd(int fd, size_t max_bytes, char **ret, size_t *ret_n)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        char chunk[16384];
        for (;;) {
                ssize_t n = read(fd, chunk, sizeof(chunk));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                if (b.n + (size_t)n > max_bytes)
                        return -EFBIG;
                strbuf_addn(&b, chunk, (size_t)n);
        }
        if (ret_n)
                *ret_n = b.n;
        *ret = strbuf_take(&b);
        return 0;
}

void fds_standard(void)
{
        int fd;
        do
                fd = open("/dev/null", O_RDWR);
        while (fd >= 0 && fd <= STDERR_FILENO);
        util_close(fd);
}

int file_read(const char *path, size_t max_bytes, char **ret, size_t *ret_n)
{
        /* O_NONBLOCK: a FIFO in place of a file must not stop the caller. */
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return -errno;
        struct stat st;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > max_bytes)
                return -EFBIG;
        return file_read_fd(fd, max_bytes, ret, ret_n);
}

static int write_all(int fd, const char *data, size_t n_bytes)
{
        while (n_bytes > 0) {
                ssize_t n = write(fd, data, n_bytes);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                data += n;
                n_bytes -= (size_t)n;
        }
        return 0;
}

ssize_t file_read_end(const char *path, size_t max_bytes, struct strbuf *b)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        off_t from = st.st_size > (off_t)max_bytes ? st.st_size - (off_t)max_bytes : 0;
        _cleanup_free_ char *text = xmalloc(max_bytes);
        ssize_t n = pread(fd, text, max_bytes, from);
        if (n < 0)
                return -errno;
        const char *begin = text, *newline = from > 0 ? memchr(text, '\n', (size_t)n) : NULL;
        if (newline) /* not with the rest of a line */
                begin = newline + 1;
        strbuf_addn(b, begin, (size_t)(text + n - begin));
        return n;
}

/* A new file, whatever is left there from before: a link is not followed, a FIFO not waited for. */
static int open_new(const char *path, unsigned mode)
{
        const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
        int fd = open(path, flags, mode);
        if (fd < 0 && errno == EEXIST && unlink(path) == 0)
                fd = open(path, flags, mode);
        return fd < 0 ? -errno : fd;
}

int file_write_atomic(const char *path, const void *data, size_t n_bytes, unsigned mode, bool sync)
{
        _cleanup_free_ char *tmp = xasprintf("%s.tmp", path);
        _cleanup_close_ int fd = open_new(tmp, mode);
        if (fd < 0)
                return fd;
        int r = write_all(fd, data, n_bytes);
        if (r == 0 && sync && fsync(fd) < 0)
                r = -errno;
        /* Some file systems tell of a full quota only here. */
        if (close(TAKE_FD(fd)) < 0 && r == 0)
                r = -errno;
        if (r == 0 && rename(tmp, path) < 0)
                r = -errno;
        if (r < 0)
                unlink(tmp);
        else if (sync)
                folder_sync(path);
        return r;
}

char *path_folder(const char *path)
{
        const char *slash = strrchr(path, '/');
        return slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : xstrdup(".");
}

const char *path_name(const char *path)
{
        const char *slash = strrchr(path, '/');
        return slash ? slash + 1 : path;
}

void folder_sync(const char *path)
{
        _cleanup_free_ char *folder = path_folder(path);
        _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
                fsync(fd);
}

int dir_make(const char *path, unsigned mode)
{
        if (mkdir(path, mode) == 0)
                return 0;
        if (errno == EEXIST) {
                struct stat st;
                if (stat(path, &st) < 0)
                        return -errno;
                return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
        }
        if (errno != ENOENT)
                return -errno;
        _cleanup_free_ char *parent = xstrdup(path);
        char *slash = strrchr(parent, '/');
        if (!slash || slash == parent)
                return -ENOENT;
        *slash = '\0';
        int r = dir_make(parent, mode);
        if (r < 0)
                return r;
        if (mkdir(path, mode) < 0 && errno != EEXIST)
                return -errno;
        return 0;
}

bool path_within(const char *path, const char *folder)
{
        size_t n = strlen(folder);
        return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

char *path_join(const char *base, const char *path)
{
        if (path[0] == '/')
                return xstrdup(path);
        size_t n = strlen(base);
        return xasprintf("%s%s%s", base, n && base[n - 1] == '/' ? "" : "/", path);
}
