/* oldlog: see oldlog.h. File names only: what is in the files, and when one is rotated, is not known here. */
#include "shim/oldlog.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/discard.h"
#include "shim/text.h"

#define NUMBER_MAX 1100 /* log.keep is not larger than 1000 */

/* What a name may end in, behind its number; the first is that of a plain file. */
static const char *const kinds[] = {"", ".gz", ".zst"};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct name {
        char s[PATH_MAX + 16];
};

/* Number 0 is the log itself. */
static const char *name_of(struct name *name, const char *path, unsigned number, const char *kind)
{
        struct text t = text_on(name->s, sizeof(name->s));
        text_str(&t, path);
        if (number) {
                text_str(&t, ".");
                text_int(&t, number);
                text_str(&t, kind);
        }
        return text_end(&t);
}

/* In the folder of PATH: .NAME.log.INODE.pack */
static const char *pack_name(struct name *name, const char *path, uint64_t inode)
{
        const char *slash = strrchr(path, '/');
        struct text t = text_on(name->s, sizeof(name->s));
        text_bytes(&t, path, slash ? (size_t)(slash - path) + 1 : 0);
        text_str(&t, ".");
        text_str(&t, slash ? slash + 1 : path);
        text_str(&t, ".");
        text_int(&t, (int64_t)inode);
        text_str(&t, ".pack");
        return text_end(&t);
}

static bool is_free(const char *path, unsigned number)
{
        struct name name;
        struct stat st;
        for (size_t k = 0; k < KINDS; k++)
                if (lstat(name_of(&name, path, number, kinds[k]), &st) == 0)
                        return false;
        return true;
}

static bool delete_all(const char *path, unsigned number)
{
        struct name name;
        bool any = false;
        for (size_t k = 0; k < KINDS; k++)
                any |= discard_file(name_of(&name, path, number, kinds[k])) == 0;
        return any;
}

/* NUMBER + 1 is free. */
static int make_older(const char *path, unsigned number)
{
        struct name from, to;
        for (size_t k = 0; k < (number ? KINDS : 1); k++)
                if (rename(name_of(&from, path, number, kinds[k]),
                           name_of(&to, path, number + 1, kinds[k])) < 0 &&
                    errno != ENOENT)
                        return -errno;
        return 0;
}

bool oldlog_drop_last(const char *path, unsigned keep)
{
        return keep > 0 && delete_all(path, keep) && (discard_wait(), true);
}

int oldlog_push(const char *path, unsigned keep)
{
        unsigned gap = 1;
        int r = 0;
        for (unsigned i = keep + 1; i < NUMBER_MAX && delete_all(path, i); i++)
                ; /* log.keep was larger once */
        if (keep == 0)
                return 0;
        while (gap < keep && !is_free(path, gap))
                gap++;
        if (gap == keep)
                delete_all(path, keep);
        for (unsigned i = gap; r == 0 && i-- > 0;)
                r = make_older(path, i);
        return r;
}

/* The name of the file, if it is still there: it may only have become older, in step with those that were
 * younger. KINDS_N: among how many kinds. */
static const char *find(struct name *name, const char *path, unsigned *number, uint64_t inode,
                        size_t kinds_n)
{
        struct stat st;
        for (; *number > 0 && *number < NUMBER_MAX; ++*number) {
                for (size_t k = 0; k < kinds_n; k++)
                        if (lstat(name_of(name, path, *number, kinds[k]), &st) == 0 &&
                            (uint64_t)st.st_ino == inode)
                                return name->s;
                if (is_free(path, *number))
                        return NULL;
        }
        return NULL;
}

int oldlog_pack(const char *path, unsigned number, uint64_t inode, const char *suffix)
{
        struct name plain, packed, made;
        struct stat st;
        if (strcmp(suffix, kinds[1]) != 0 && strcmp(suffix, kinds[2]) != 0)
                return -EINVAL;
        if (!find(&plain, path, &number, inode, 1))
                return -ENOENT;
        if (lstat(name_of(&packed, path, number, suffix), &st) == 0)
                return -EEXIST;
        if (rename(pack_name(&made, path, inode), packed.s) < 0)
                return -errno;
        return unlink(plain.s) < 0 ? -errno : 0;
}

int oldlog_drop(const char *path, unsigned number, uint64_t inode)
{
        struct name name;
        if (!find(&name, path, &number, inode, KINDS))
                return -ENOENT;
        return unlink(name.s) < 0 ? -errno : 0;
}
