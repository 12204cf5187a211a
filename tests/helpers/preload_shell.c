/* preload_shell: for a sshd of a test: each user that it looks up has /bin/sh and the HOME of SVCD_TEST_HOME and is not
 * locked, so that one can log in as nobody.
 */
#include <dlfcn.h>
#include <pwd.h>
#include <shadow.h>
#include <stdlib.h>

static struct passwd *changed(struct passwd *pw)
{
        static char shell[] = "/bin/sh", password[] = "x";
        char *home = getenv("SVCD_TEST_HOME");
        if (pw && home) {
                pw->pw_shell = shell;
                pw->pw_dir = home;
                pw->pw_passwd = password;
        }
        return pw;
}

struct passwd *getpwnam(const char *name)
{
        struct passwd *(*real)(const char *);
        *(void **)&real = dlsym(RTLD_NEXT, "getpwnam");
        return changed(real(name));
}

struct passwd *getpwuid(uid_t uid)
{
        struct passwd *(*real)(uid_t);
        *(void **)&real = dlsym(RTLD_NEXT, "getpwuid");
        return changed(real(uid));
}

struct spwd *getspnam(const char *name)
{
        (void)name;
        return NULL;
}
