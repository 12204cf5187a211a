/* util: what every part of svcd uses in every function: cleanup attributes, checked allocation,
 * strings and string lists.
 *
 * Ownership. A function that returns `char *` gives it to the caller, who frees it with free();
 * `const char *` stays with whoever owned it. Destructors accept NULL.
 *
 * Errors. Allocation failure aborts (util_oom): svcd is crash-only, services live on in their
 * shims, and every input has a maximum size, so that no input can cause it. Everything else
 * returns 0 or -errno and writes its ret_ arguments only on success.
 */
#ifndef SVCD_COMMON_UTIL_H
#define SVCD_COMMON_UTIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define ARRAY_SIZE(a)     (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)         ((a) < (b) ? (a) : (b))
#define MAX(a, b)         ((a) > (b) ? (a) : (b))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define UNUSED            __attribute__((unused))

/* The object that contains a member, from the member's address. */
#define CONTAINER_OF(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

/* Cleanup attributes: the variable's resource is released when it leaves scope. */
#define _cleanup_(f)     __attribute__((cleanup(f)))
#define _cleanup_free_   _cleanup_(util_freep)
#define _cleanup_close_  _cleanup_(util_closep)
#define _cleanup_fclose_ _cleanup_(util_fclosep)
#define _cleanup_strv_   _cleanup_(strv_done)

/* Hand a resource on: the value is returned, the variable no longer owns it. */
#define TAKE_PTR(p)                                                                                \
        ({                                                                                         \
                __typeof__(p) take_ = (p);                                                         \
                (p) = NULL;                                                                        \
                take_;                                                                             \
        })
#define TAKE_FD(fd)                                                                                \
        ({                                                                                         \
                int take_ = (fd);                                                                  \
                (fd) = -1;                                                                         \
                take_;                                                                             \
        })

void util_freep(void *pp);
void util_closep(const int *fd);
void util_fclosep(FILE **fp);

/* Closes FD unless it is negative, keeps errno, returns -1: `fd = util_close(fd)`. */
int util_close(int fd);

/* Writes one line to stderr and aborts. */
void util_oom(void) __attribute__((noreturn));

/* malloc family that never returns NULL. */
void *xmalloc(size_t size_bytes) __attribute__((malloc));
void *xcalloc(size_t n, size_t size_bytes) __attribute__((malloc));
void *xrealloc(void *p, size_t size_bytes);
char *xstrdup(const char *s) __attribute__((malloc));
char *xstrndup(const char *s, size_t n) __attribute__((malloc));
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2);
char *xvasprintf(const char *fmt, va_list ap) PRINTF_LIKE(1, 0);

/* Makes room for one more element of an array of N elements that grows by doubling:
 * GROW(list->v, list->n, list->cap). */
#define GROW(v, n, cap)                                                                            \
        do {                                                                                       \
                if ((n) >= (cap)) {                                                                \
                        (cap) = (cap) ? 2 * (cap) : 8;                                             \
                        (v) = xrealloc((v), (cap) * sizeof(*(v)));                                 \
                }                                                                                  \
        } while (0)

bool str_eq(const char *a, const char *b); /* NULL equals only NULL */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
uint64_t str_hash(const void *data, size_t n_bytes,
                  uint64_t seed); /* FNV-1a, 64 bits; seed 0 to begin */
/* The same purpose for whole files, eight bytes at a time: a tenth of the time. What it gives may change from release to
 * release and is another on machines of another byte order: it is compared in one process only. */
uint64_t str_hash_long(const void *data, size_t n_bytes, uint64_t seed);

/* A growing string of bytes; `s` is always NUL-terminated once anything was added. Zero-initialise;
 * strbuf_done frees, strbuf_take hands the string on (never NULL). */
struct strbuf {
        char *s;
        size_t n, cap;
};
#define _cleanup_strbuf_ _cleanup_(strbuf_done)
void strbuf_done(struct strbuf *b);
void strbuf_add(struct strbuf *b, const char *s);
void strbuf_addn(struct strbuf *b, const void *data, size_t n_bytes);
void strbuf_addc(struct strbuf *b, char c);
void strbuf_addi(struct strbuf *b, int64_t v); /* in decimal */
void strbuf_addf(struct strbuf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void strbuf_reserve(struct strbuf *b, size_t n_bytes); /* room for N more and a NUL */
void strbuf_cut(struct strbuf *b, size_t n_bytes);     /* keeps the first N bytes */
void strbuf_consume(struct strbuf *b, size_t n_bytes); /* drops the first N bytes */
char *strbuf_take(struct strbuf *b);

/* A list of strings that it owns. Zero-initialise. */
struct strv {
        char **v; /* v[n] is NULL when n > 0 */
        size_t n, cap;
};
void strv_done(struct strv *l);
void strv_add(struct strv *l, const char *s);
void strv_take(struct strv *l, char *s); /* takes ownership of s */
bool strv_has(const struct strv *l, const char *s);
bool strv_eq(const struct strv *a, const struct strv *b);
void strv_copy(struct strv *dst, const struct strv *src); /* dst is replaced */
char *strv_join(const struct strv *l, const char *separator);

/* Whole-file helpers. */

/* First of all: whoever starts a program may have closed what is 0, 1 and 2, and a file that it opens must not get
 * what is said to people. /dev/null takes their places. */
void fds_standard(void);

/* Reads at most MAX bytes; a NUL follows the data. -EFBIG if there is more, -EISDIR for a folder,
 * else open's and read's errors. */
int file_read(const char *path, size_t max_bytes, char **ret, size_t *ret_n);
/* The same from an open descriptor, which stays open. */
int file_read_fd(int fd, size_t max_bytes, char **ret, size_t *ret_n);

/* Appends the last whole lines of a regular file, at most MAX bytes. How many bytes were looked at, less than MAX if
 * that was all of it; or -errno. */
ssize_t file_read_end(const char *path, size_t max_bytes, struct strbuf *b);

/* Writes PATH.tmp and renames it over PATH, so that PATH always holds the old or the new content, whole. SYNC: the
 * content is on the disk before it has the name, and the name (folder_sync) before this returns. What has that name
 * already, but a folder, is replaced. Returns 0 or -errno; PATH is untouched on error. */
int file_write_atomic(const char *path, const void *data, size_t n_bytes, unsigned mode, bool sync);

/* The folder that PATH is in: "." where it names none (caller frees); what PATH is called there. */
char *path_folder(const char *path);
const char *path_name(const char *path);

/* After a rename to PATH: the name outlives a power failure only when the folder is on the disk too, fsync(2). Not every
 * file system can do that for a folder; the file is there in any case. */
void folder_sync(const char *path);

/* mkdir -p with MODE for what is created. */
int dir_make(const char *path, unsigned mode);

/* PATH joined to BASE unless it is absolute. */
char *path_join(const char *base, const char *path);

/* Whether PATH is FOLDER or below it, by their names alone. */
bool path_within(const char *path, const char *folder);

#endif
