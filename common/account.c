/* account.c: see account.h. */
#include "common/account.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/program.h"

static char *copy_of(const char *variable)
{
        const char *value = getenv(variable);
        return value ? xstrdup(value) : NULL;
}

void account_find(struct account *ret)
{
        const struct passwd *pw = getpwuid(getuid());
        *ret = (struct account){
            .name = pw ? xstrdup(pw->pw_name) : xasprintf("%d", (int)getuid()),
            .shell = xstrdup(pw && pw->pw_shell[0] ? pw->pw_shell : "/bin/sh"),
            .lang = copy_of("LANG"),
            .tz = copy_of("TZ"),
        };
}

void account_done(struct account *a)
{
        free(a->name);
        free(a->shell);
        free(a->lang);
        free(a->tz);
        *a = (struct account){0};
}

struct conf_user account_user(const struct account *a, const char *home)
{
        return (struct conf_user){
            .name = a->name,
            .home = home,
            .shell = a->shell,
            .lang = a->lang,
            .tz = a->tz,
            .path = PROGRAM_PATH,
        };
}
