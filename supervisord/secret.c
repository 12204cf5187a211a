/* secret.c: guessing which variables are secrets. It looks at one variable at a time. */
#include "supervisord/secret.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/util.h"

static const char *const words[] = {"secret",  "secrets", "password",    "passwd",    "passphrase",
                                    "pass",    "pwd",     "token",       "tokens",    "key",
                                    "keys",    "apikey",  "credential",  "dsn",       "auth",
                                    "jwt",     "pat",     "credentials", "accesskey", "cookie",
                                    "webhook", "bearer",  "signing"};

static bool is_word(const char *s, size_t n)
{
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (strlen(words[i]) == n && strncasecmp(words[i], s, n) == 0)
                        return true;
        return false;
}

/* SOME_NAME and someName are two words each; so are API_KEY2 and its digit. */
static bool name_says_so(const char *name)
{
        if (strcmp(name, "PWD") == 0) /* the working directory */
                return false;
        for (const char *p = name; *p;) {
                size_t n = 0;
                while (isalpha((unsigned char)p[n]) &&
                       !(n > 0 && islower((unsigned char)p[n - 1]) && isupper((unsigned char)p[n])))
                        n++;
                if (is_word(p, n))
                        return true;
                p += n ? n : 1;
        }
        return strcasestr(name, "password") || strcasestr(name, "secret") ||
               strcasestr(name, "token");
}

/* scheme://user:password@host */
static bool has_password(const char *value)
{
        const char *p = strstr(value, "://");
        if (!p)
                return false;
        p += 3;
        size_t n = strcspn(p, "/?# \t");
        const char *at = memchr(p, '@', n);
        return at && memchr(p, ':', (size_t)(at - p));
}

bool secret_is(const char *name, const char *value)
{
        return name_says_so(name) || (value && has_password(value));
}
