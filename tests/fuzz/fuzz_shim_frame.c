/* fuzz_shim_frame: a stream of bytes from svcd, as svc-shim takes it apart.
 *
 * Contracts: a frame never goes beyond what was received; its items lie inside it, one behind the
 * other, and put together again they are the same bytes; what START says comes out of launch_parse as it
 * went in, in arrays that end with NULL, and never beyond the area.
 */
#include <stdlib.h>

#include "shim/launch.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
        if (!good)
                abort();
}

static void check_items(const unsigned char *payload, size_t n, unsigned type)
{
        unsigned char *copy = (unsigned char *)malloc(sizeof(struct shim_hdr) + n);
        struct shim_reader r = shim_read(payload, n);
        struct shim_writer w;
        const unsigned char *at = payload;
        bool plain = true; /* reserved fields are zero, as a writer makes them */
        check(copy);
        shim_begin(&w, copy, sizeof(struct shim_hdr) + n, (enum shim_frame)type);
        while (shim_next(&r)) {
                struct shim_item it;
                memcpy(&it, at, sizeof(it));
                plain = plain && it.reserved == 0;
                check((const unsigned char *)r.data == at + sizeof(it));
                at += sizeof(it) + r.len;
                check(at <= payload + n);
                shim_put(&w, r.tag, r.data, r.len);
        }
        check(r.bad || at == payload + n);
        if (!r.bad && plain) {
                check(shim_end(&w) == sizeof(struct shim_hdr) + n);
                check(n == 0 || memcmp(copy + sizeof(struct shim_hdr), payload, n) == 0);
        }
        free(copy);
}

/* FILE=VALUE, each with its NUL, and no FILE that leads out of the folder. */
static void check_set(const struct launch *l)
{
        check(l->set_n <= sizeof(l->set));
        for (size_t at = 0; at < l->set_n; at += strlen(l->set + at) + 1) {
                check(memchr(l->set + at, '\0', l->set_n - at) != NULL);
                check(strchr(l->set + at, '=') && !strchr(l->set + at, '/'));
        }
}

static void check_same(const struct launch *l, const unsigned char *payload, size_t n)
{
        struct shim_reader r = shim_read(payload, n);
        size_t args = 0, env = 0;
        while (shim_next(&r)) {
                if (r.tag == SHIM_T_ARG) {
                        check(memcmp(l->argv[args], r.data, r.len) == 0);
                        check(l->argv[args++][r.len] == '\0');
                } else if (r.tag == SHIM_T_ENV) {
                        check(memcmp(l->envp[env], r.data, r.len) == 0);
                        check(l->envp[env++][r.len] == '\0');
                }
        }
        check(!r.bad && args == l->argc && env == l->env_n && args > 0);
        check(!l->argv[args] && !l->envp[env] && !l->envp[env + 1] && !l->argv[-1]);
        check(strlen(l->cwd) < n && strlen(l->command) <= l->command_n && strlen(l->cgroup) < n);
        check_set(l);
}

static void check_launch(struct launch *l, const unsigned char *payload, size_t n)
{
        int r = launch_parse(l, payload, n);
        if (r == 0)
                check_same(l, payload, n);
        else
                check(l->argc == 0 && (r == -EBADMSG || r == -EINVAL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *lent = (char *)malloc(512); /* small, so that both kinds of areas are used */
        struct launch l;
        struct shim_hdr h;
        int64_t n;
        check(lent);
        launch_init(&l, lent, 512);
        while ((n = shim_peek(data, size, &h)) > 0) {
                check((size_t)n <= size && (size_t)n == sizeof(h) + h.len);
                check_items(data + sizeof(h), h.len, h.type);
                check_launch(&l, data + sizeof(h), h.len);
                data += n;
                size -= (size_t)n;
        }
        if (l.map)
                munmap(l.map, l.map_n);
        free(lent);
        return 0;
}
