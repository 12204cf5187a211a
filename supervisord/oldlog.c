/* oldlog.c: see oldlog.h. File names only; which file is to be compressed or deleted is logplan.c's. */
#include "supervisord/oldlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/util.h"

static const char *const suffixes[OLDLOG_KINDS] = {"", ".gz", ".zst"};

const char *oldlog_suffix(enum oldlog_kind kind)
{
        return suffixes[kind];
}

/* Number 0 is the log itself. */
static char *name_of(const char *path, int number, enum oldlog_kind kind)
{
        return number ? xasprintf("%s.%d%s", path, number, suffixes[kind]) : xstrdup(path);
}

static bool is_free(const char *path, int number)
{
        struct stat st;
        for (enum oldlog_kind k = 0; k < OLDLOG_KINDS; k++) {
                _cleanup_free_ char *name = name_of(path, number, k);
                if (lstat(name, &st) == 0)
                        return false;
        }
        return true;
}

static bool delete_all(const char *path, int number)
{
        bool any = false;
        for (enum oldlog_kind k = 0; k < OLDLOG_KINDS; k++) {
                _cleanup_free_ char *name = name_of(path, number, k);
                any |= unlink(name) == 0;
        }
        return any;
}

/* NUMBER + 1 is free. */
static int make_older(const char *path, int number)
{
        for (enum oldlog_kind k = 0; k < (number ? OLDLOG_KINDS : 1); k++) {
                _cleanup_free_ char *from = name_of(path, number, k);
                _cleanup_free_ char *to = name_of(path, number + 1, k);
                if (rename(from, to) < 0 && errno != ENOENT)
                        return -errno;
        }
        return 0;
}

int oldlog_push(const char *path, int keep)
{
        int gap = 1, r = 0;
        for (int i = MAX(keep, 0) + 1; i < OLDLOG_NUMBER_MAX && delete_all(path, i); i++)
                ; /* log.keep was larger once */
        if (keep <= 0)
                return unlink(path) < 0 ? -errno : 0;
        while (gap < keep && !is_free(path, gap))
                gap++;
        if (gap == keep)
                delete_all(path, keep);
        for (int i = gap; r == 0 && i-- > 0;)
                r = make_older(path, i);
        return r;
}

static bool has_inode(const char *path, uint64_t inode)
{
        struct stat st;
        return lstat(path, &st) == 0 && (uint64_t)st.st_ino == inode;
}

char *oldlog_pack_path(const char *path, uint64_t inode, bool whole)
{
        const char *slash = strrchr(path, '/');
        return xasprintf("%.*s/.%s.%llu.%s", (int)(slash - path), path, slash + 1,
                         (unsigned long long)inode, whole ? "pack" : "part");
}

int oldlog_pack(const char *path, int number, uint64_t inode, enum oldlog_kind kind)
{
        _cleanup_free_ char *plain = name_of(path, number, OLDLOG_PLAIN);
        _cleanup_free_ char *packed = name_of(path, number, kind);
        _cleanup_free_ char *made = oldlog_pack_path(path, inode, true);
        struct stat st;
        if (!has_inode(plain, inode))
                return -ENOENT;
        if (lstat(packed, &st) == 0)
                return -EEXIST;
        if (rename(made, packed) < 0 || unlink(plain) < 0)
                return -errno;
        return 0;
}

/* The inode of the file with NUMBER, of whatever kind; 0 if there is none. */
static uint64_t inode_of(const char *path, int number)
{
        for (enum oldlog_kind k = 0; k < OLDLOG_KINDS; k++) {
                struct stat st;
                _cleanup_free_ char *name = name_of(path, number, k);
                if (lstat(name, &st) == 0)
                        return st.st_ino;
        }
        return 0;
}

bool oldlog_is_oldest(const char *path, int number, uint64_t inode)
{
        bool seen = false;
        /* In a rotation one number at a time is free. */
        for (int gap = 0; gap < 2 && number < OLDLOG_NUMBER_MAX; number++) {
                uint64_t other = inode_of(path, number);
                gap = other ? 0 : gap + 1;
                if (other == inode)
                        seen = true;
                else if (other && seen)
                        return false;
        }
        return seen;
}

int oldlog_drop(const char *path, int number, uint64_t inode)
{
        for (enum oldlog_kind k = 0; k < OLDLOG_KINDS; k++) {
                _cleanup_free_ char *name = name_of(path, number, k);
                if (has_inode(name, inode))
                        return unlink(name) < 0 ? -errno : 0;
        }
        return -ENOENT;
}

/* Takes a number and its dot off the end of *N bytes of NAME; false if they are not there. */
static bool take_number(const char *name, size_t *n, unsigned long long *ret)
{
        size_t at = *n;
        while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9')
                at--;
        if (at == *n || at < 2 || name[at - 1] != '.' || name[at] == '0')
                return false;
        *ret = strtoull(name + at, NULL, 10);
        *n = at - 1;
        return true;
}

static bool take_end(const char *name, size_t *n, const char *end)
{
        size_t length = strlen(end);
        if (*n <= length || memcmp(name + *n - length, end, length) != 0)
                return false;
        *n -= length;
        return true;
}

static bool take_service(const char *name, size_t n, char service[OLDLOG_NAME_MAX])
{
        if (!take_end(name, &n, ".log") || n >= OLDLOG_NAME_MAX)
                return false;
        memcpy(service, name, n);
        service[n] = '\0';
        return conf_name_ok(service);
}

bool oldlog_parse(const char *name, char service[OLDLOG_NAME_MAX], int *ret_number,
                  enum oldlog_kind *ret_kind)
{
        size_t n = strlen(name);
        unsigned long long number = 0;
        *ret_kind = OLDLOG_PLAIN;
        *ret_number = 0;
        if (take_service(name, n, service))
                return true;
        if (take_end(name, &n, suffixes[OLDLOG_GZIP]))
                *ret_kind = OLDLOG_GZIP;
        else if (take_end(name, &n, suffixes[OLDLOG_ZSTD]))
                *ret_kind = OLDLOG_ZSTD;
        if (!take_number(name, &n, &number) || number > OLDLOG_NUMBER_MAX)
                return false;
        *ret_number = (int)number;
        return take_service(name, n, service);
}

bool oldlog_parse_pack(const char *name, uint64_t *ret_inode)
{
        char service[OLDLOG_NAME_MAX];
        size_t n = strlen(name);
        unsigned long long inode = 0;
        if (name[0] != '.' || (!take_end(name, &n, ".pack") && !take_end(name, &n, ".part")) ||
            !take_number(name, &n, &inode))
                return false;
        *ret_inode = inode;
        return take_service(name + 1, n - 1, service);
}
