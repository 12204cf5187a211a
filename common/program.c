/* program.c: looking for programs. What a run executes is found by the kernel, in the run's own environment; this is
 * for programs of svcd's own, and for saying beforehand that one is missing. */
#include "common/program.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/policy.h"
#include "common/util.h"

#ifndef SVCD_LIBEXECDIR
#define SVCD_LIBEXECDIR "/usr/local/libexec/svcd"
#endif

static bool is_program(const char *file)
{
        struct stat st;
        return access(file, X_OK) == 0 && stat(file, &st) == 0 && S_ISREG(st.st_mode);
}

char *program_find(const char *name, const char *folder, const char *path)
{
        if (strchr(name, '/')) {
                char *file = path_join(folder, name);
                if (is_program(file))
                        return file;
                free(file);
                return NULL;
        }
        _cleanup_free_ char *folders = xstrdup(path ? path : PROGRAM_PATH);
        char *save = NULL;
        for (char *dir = strtok_r(folders, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
                char *file = path_join(dir, name);
                if (is_program(file))
                        return file;
                free(file);
        }
        return NULL;
}

const char *program_sendmail(const struct policy *policy)
{
        static const char *const places[] = {"/usr/sbin/sendmail", "/usr/lib/sendmail",
                                             "/usr/bin/sendmail", "/usr/local/sbin/sendmail",
                                             "/usr/local/bin/sendmail"};
        const char *own = getenv("SVCD_SENDMAIL");
        if (own && own[0] == '/')
                return own;
        if (policy && policy->sendmail)
                return policy->sendmail;
        for (size_t i = 0; i < ARRAY_SIZE(places); i++)
                if (is_program(places[i]))
                        return places[i];
        return NULL;
}

char *program_shim(pid_t pid)
{
        const char *env = getenv("SVCD_SHIM");
        if (env && env[0] == '/')
                return xstrdup(env);
        char link[32], exe[PATH_MAX];
        snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
        ssize_t n = readlink(link, exe, sizeof(exe) - 1);
        if (n > 0) {
                exe[n] = '\0';
                _cleanup_free_ char *folder = path_folder(exe);
                char *beside = path_join(folder, "svc-shim");
                if (access(beside, X_OK) == 0)
                        return beside;
                free(beside);
        }
        return xstrdup(SVCD_LIBEXECDIR "/svc-shim");
}
