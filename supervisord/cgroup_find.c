/* cgroup_find.c: see cgroup_find.h. */
#include "supervisord/cgroup_find.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/util.h"

#define PROC_MAX (1024u * 1024)

/* mountinfo writes blanks and backslashes as three octal digits. In place. */
static void unescape(char *s)
{
        char *to = s;
        for (const char *p = s; *p; p++) {
                if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
                    p[3] >= '0' && p[3] <= '7') {
                        *to++ = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
                        p += 3;
                } else {
                        *to++ = *p;
                }
        }
        *to = '\0';
}

/* proc(5): the fourth field of a mount is what of the file system is mounted, the fifth where; the type
 * is the first after " - ". */
static bool find_mount(const char *mountinfo, char **ret_root, char **ret_at)
{
        _cleanup_free_ char *text = xstrdup(mountinfo);
        char *save = NULL;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                const char *type = strstr(line, " - ");
                if (!type || !str_starts(type + 3, "cgroup2 "))
                        continue;
                char *field[5], *rest = NULL;
                int n = 0;
                for (char *f = strtok_r(line, " ", &rest); f && n < 5;
                     f = strtok_r(NULL, " ", &rest))
                        field[n++] = f;
                if (n < 5)
                        continue;
                unescape(field[3]);
                unescape(field[4]);
                *ret_root = xstrdup(field[3]);
                *ret_at = xstrdup(field[4]);
                return true;
        }
        return false;
}

static char *own_path(const char *cgroup)
{
        for (const char *p = cgroup; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
                if (str_starts(p, "0::/"))
                        return xstrndup(p + 3, strcspn(p + 3, "\n"));
        return NULL;
}

char *cgroup_folder(const char *mountinfo, const char *cgroup)
{
        _cleanup_free_ char *root = NULL, *at = NULL, *own = own_path(cgroup);
        if (!own || str_starts(own, "/..") || !find_mount(mountinfo, &root, &at))
                return NULL;
        const char *below = own;
        if (!str_eq(root, "/")) {
                size_t n = strlen(root);
                if (!str_starts(own, root) || (own[n] && own[n] != '/'))
                        return NULL;
                below = own + n;
        }
        return xasprintf("%s%s", at, str_eq(below, "/") ? "" : below);
}

int64_t cgroup_number(const char *text, const char *key)
{
        size_t n = strlen(key);
        for (const char *p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
                char *end;
                if (strncmp(p, key, n) != 0)
                        continue;
                errno = 0;
                long long v = strtoll(p + n, &end, 10);
                return end == p + n || errno ? -1 : v;
        }
        return -1;
}

int cgroup_name_parse(const char *folder, const char *hash, struct cgroup_name *ret)
{
        const char *dot = strrchr(folder, '.');
        const char *at = strchr(folder, '@');
        size_t n = strlen(hash);
        char *end;
        if (!at || !dot || dot < at || (size_t)(dot - at) != n + 1 || strncmp(at + 1, hash, n) != 0)
                return -EINVAL;
        long long run = strtoll(dot + 1, &end, 10);
        _cleanup_free_ char *service = xstrndup(folder, (size_t)(at - folder));
        if (run <= 0 || *end || !conf_name_ok(service))
                return -EINVAL;
        *ret = (struct cgroup_name){TAKE_PTR(service), run};
        return 0;
}

static bool is_marked(const char *dir)
{
        static const char *const names[] = {"user.delegate", "trusted.delegate"};
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                char value[4] = "";
                if (getxattr(dir, names[i], value, sizeof(value) - 1) == 1 && value[0] == '1')
                        return true;
        }
        return false;
}

static bool holds_others(const char *dir)
{
        _cleanup_free_ char *path = xasprintf("%s/cgroup.procs", dir), *text = NULL;
        if (file_read(path, PROC_MAX, &text, NULL) < 0)
                return true;
        char *save = NULL;
        for (char *p = strtok_r(text, "\n", &save); p; p = strtok_r(NULL, "\n", &save))
                if (strtol(p, NULL, 10) != getpid())
                        return true;
        return false;
}

/* The root of the hierarchy has no cgroup.type. */
static bool is_top(const char *dir)
{
        _cleanup_free_ char *path = xasprintf("%s/cgroup.type", dir);
        return access(path, F_OK) < 0;
}

/* Says in WHY what makes it ours, or why it is not. */
static bool is_ours(const char *dir, char **why)
{
        struct stat st;
        bool systemd = access("/run/systemd/system", F_OK) == 0;
        free(*why);
        *why = NULL;
        if (is_marked(dir))
                *why = xasprintf("systemd has delegated it");
        if (*why)
                return true;
        if (is_top(dir))
                *why = xasprintf("svcd was started in the root of the hierarchy, %s", dir);
        else if (stat(dir, &st) < 0)
                *why = xasprintf("%s: %s", dir, strerror(errno));
        else if (st.st_uid != getuid())
                *why = xasprintf("%s is not delegated: it belongs to uid %d", dir, (int)st.st_uid);
        else if (getuid() == 0 && systemd)
                *why = xasprintf("%s is systemd's, and not delegated (Delegate=yes)", dir);
        else if (holds_others(dir))
                *why = xasprintf("%s holds processes other than svcd", dir);
        if (*why)
                return false;
        *why = xasprintf("it belongs to this account and holds nothing but svcd");
        return true;
}

char *cgroup_find(const char *choice, char **ret_why)
{
        _cleanup_free_ char *mounts = NULL, *cgroup = NULL, *above = NULL;
        bool asked = choice && strcmp(choice, "yes") == 0;
        *ret_why = NULL;
        if (choice && strcmp(choice, "no") == 0) {
                *ret_why = xstrdup("SVCD_CGROUP=no");
                return NULL;
        }
        if (file_read("/proc/self/mountinfo", PROC_MAX, &mounts, NULL) < 0 ||
            file_read("/proc/self/cgroup", PROC_MAX, &cgroup, NULL) < 0) {
                *ret_why = xstrdup("/proc cannot be read");
                return NULL;
        }
        _cleanup_free_ char *own = cgroup_folder(mounts, cgroup);
        if (!own) {
                *ret_why = xstrdup("no cgroup v2 is mounted here");
                return NULL;
        }
        if (str_ends(own, "/" CGROUP_SUPERVISOR))
                above = xstrndup(own, strlen(own) - strlen("/" CGROUP_SUPERVISOR));
        if (asked) {
                *ret_why = xstrdup("SVCD_CGROUP=yes");
                return above ? TAKE_PTR(above) : TAKE_PTR(own);
        }
        if (above && is_ours(above, ret_why))
                return TAKE_PTR(above);
        return is_ours(own, ret_why) ? TAKE_PTR(own) : NULL;
}
