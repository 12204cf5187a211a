/* handover.c: the document that goes from one svcd to the next in the same process. When that happens, and what
 * has to be so before, is upgrade.c's. */
#include "supervisord/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisord/callstate.h"
#include "supervisord/daemon.h"
#include "supervisord/loaded.h"
#include "supervisord/view.h"

#define FORMAT    "svcd-handover"
#define MAX_BYTES ((size_t)1 << 31)

void handover_free(struct handover *h)
{
        if (!h)
                return;
        json_decref(h->doc);
        free(h->text);
        free(h);
}

/* ---- writing ---- */

static json_t *save_clients(const struct daemon *d, struct strbuf *bytes)
{
        json_t *all = json_array();
        for (const struct client *c = d->server.clients; c; c = c->next) {
                if (c->ended)
                        continue;
                strbuf_addn(bytes, c->in.s ? c->in.s : "", c->in.n);
                strbuf_addn(bytes, c->out.s ? c->out.s : "", c->out.n);
                json_array_append_new(all,
                                      json_pack("{s:i, s:I, s:b, s:I, s:I, s:o}", "fd", c->fd,
                                                "uid", (json_int_t)c->uid, "varlink", c->varlink,
                                                "in", (json_int_t)c->in.n, "out",
                                                (json_int_t)c->out.n, "call",
                                                c->call ? callstate_save(c->call) : json_null()));
        }
        return all;
}

/* The runs that are up: the next svcd tells how many of them it found so. */
static json_t *save_runs(const struct daemon *d)
{
        json_t *all = json_object();
        for (size_t i = 0; i < core_count(d->core); i++) {
                const struct core_service *s = core_at(d->core, i);
                if (s->pid > 0)
                        json_object_set_new(all, s->name, json_integer(s->run));
        }
        return all;
}

/* Services whose definition, as the files are now, is good to this svcd. */
static json_t *save_valid(const struct daemon *d)
{
        struct diag diag = {0};
        struct conf *conf = conf_load(&d->paths, d->paths.home, &diag);
        json_t *all = json_array();
        for (size_t i = 0; i < conf->n; i++)
                if (conf->services[i]->valid)
                        json_array_append_new(all, json_string(conf->services[i]->name));
        conf_unref(conf);
        diag_done(&diag);
        return all;
}

static void add_for_proof(struct daemon *d, json_t *o, const char *nonce)
{
        _cleanup_free_ char *path = path_join(d->paths.state, "state.json");
        json_t *state = json_load_file(path, 0, NULL);
        json_object_set_new(o, "nonce", json_string(nonce));
        json_object_set_new(o, "state", state ? state : json_null());
        json_object_set_new(o, "valid", save_valid(d));
}

static json_t *save(struct daemon *d, const char *nonce, struct strbuf *bytes)
{
        const struct rlimit *files = &d->nursery.files;
        json_t *o =
            json_pack("{s:s, s:i, s:s, s:s, s:I, s:I, s:{s:I, s:I}, s:{s:i, s:i, s:i}}", "format",
                      FORMAT, "version", HANDOVER_VERSION, "from", view_version(), "program",
                      d->upgrade.program, "began_ms", (json_int_t)clock_mono_ms(), "next_op",
                      (json_int_t)d->next_op, "files", "soft", (json_int_t)files->rlim_cur, "hard",
                      (json_int_t)files->rlim_max, "fds", "root_lock", d->lock.root_fd, "run_lock",
                      d->lock.run_fd, "listen", d->server.fd);
        json_object_set_new(o, "pending", core_pending(d->core));
        json_object_set_new(o, "runs", save_runs(d));
        json_object_set_new(o, HANDOVER_LOADED, loaded_save(d));
        json_object_set_new(o, "clients", save_clients(d, bytes));
        if (nonce)
                add_for_proof(d, o, nonce);
        return o;
}

static int write_all(int fd, const char *s, size_t n)
{
        while (n > 0) {
                ssize_t done = write(fd, s, n);
                if (done < 0 && errno != EINTR)
                        return -errno;
                if (done > 0) {
                        s += done;
                        n -= (size_t)done;
                }
        }
        return 0;
}

int handover_write(struct daemon *d, const char *nonce)
{
        _cleanup_strbuf_ struct strbuf bytes = {0};
        json_t *o = save(d, nonce, &bytes);
        char *text = json_dumps(o, JSON_COMPACT);
        json_decref(o);
        if (!text)
                util_oom();
        _cleanup_close_ int fd = memfd_create("svcd-handover", MFD_CLOEXEC);
        int r = fd < 0 ? -errno : write_all(fd, text, strlen(text) + 1);
        if (r == 0)
                r = write_all(fd, bytes.s ? bytes.s : "", bytes.n);
        free(text);
        return r < 0 ? r : TAKE_FD(fd);
}

static void keep(int fd, bool on)
{
        if (fd >= 0)
                fcntl(fd, F_SETFD, on ? 0 : FD_CLOEXEC);
}

void handover_keep(const struct daemon *d, bool on)
{
        keep(d->lock.root_fd, on);
        keep(d->lock.run_fd, on);
        keep(d->server.fd, on);
        for (const struct client *c = d->server.clients; c; c = c->next)
                keep(c->fd, on);
}

/* ---- reading ---- */

static int refuse(char **ret_error, const char *why)
{
        *ret_error = xasprintf("what the running svcd hands over cannot be used: %s", why);
        return -EINVAL;
}

static json_int_t get_int(const json_t *o, const char *key)
{
        return json_integer_value(json_object_get(o, key));
}

static int check(const struct handover *h, char **ret_error)
{
        const char *format = json_string_value(json_object_get(h->doc, "format"));
        if (!str_eq(format, FORMAT))
                return refuse(ret_error, "it is no document of svcd");
        if (get_int(h->doc, "version") != HANDOVER_VERSION)
                return refuse(ret_error, "its version is another one");
        size_t i, n = 0;
        json_t *c;
        json_array_foreach(json_object_get(h->doc, "clients"), i, c)
        {
                json_int_t in = get_int(c, "in"), out = get_int(c, "out");
                if (in < 0 || out < 0 || in > (json_int_t)MAX_BYTES || out > (json_int_t)MAX_BYTES)
                        return refuse(ret_error, "a client's bytes are not counted");
                const json_t *call = json_object_get(c, "call");
                if (!json_is_null(call) && !callstate_known(call))
                        return refuse(ret_error, "a client waits for what this svcd does not know");
                n += (size_t)in + (size_t)out;
        }
        return n == h->bytes_n ? 0 : refuse(ret_error, "it is not complete");
}

int handover_read(int fd, struct handover **ret, char **ret_error)
{
        struct handover *h = xcalloc(1, sizeof(*h));
        size_t n = 0;
        int r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : file_read_fd(fd, MAX_BYTES, &h->text, &n);
        if (r < 0) {
                free(h);
                *ret_error =
                    xasprintf("cannot read what the running svcd hands over: %s", strerror(-r));
                return r;
        }
        size_t json_n = strlen(h->text);
        h->bytes = h->text + MIN(json_n + 1, n);
        h->bytes_n = json_n < n ? n - json_n - 1 : 0;
        h->doc = json_loadb(h->text, json_n, JSON_REJECT_DUPLICATES, NULL);
        r = h->doc ? check(h, ret_error) : refuse(ret_error, "it is not valid JSON");
        if (r < 0)
                handover_free(h);
        else
                *ret = h;
        return r;
}

struct handover *handover_receive(void)
{
        const char *number = getenv(HANDOVER_VARIABLE);
        if (!number)
                return NULL;
        _cleanup_close_ int fd = (int)strtol(number, NULL, 10);
        _cleanup_free_ char *error = NULL;
        struct handover *h = NULL;
        unsetenv(HANDOVER_VARIABLE);
        keep(fd, false);
        if (handover_read(fd, &h, &error) == 0)
                return h;
        /* As after a crash: the descriptors are closed, and with them the locks are free. */
        fprintf(stderr, "svcd: %s; starting as after a crash\n", error);
        return NULL;
}

int handover_fd(const struct handover *h, const char *name)
{
        const json_t *fd = json_object_get(json_object_get(h->doc, "fds"), name);
        if (!fd)
                return -1;
        keep((int)json_integer_value(fd), false);
        return (int)json_integer_value(fd);
}

static void restore_client(struct daemon *d, const json_t *o, const char **bytes)
{
        int fd = (int)get_int(o, "fd");
        const json_t *call = json_object_get(o, "call");
        keep(fd, false);
        struct client *c = server_adopt(&d->server, fd, (uid_t)get_int(o, "uid"));
        c->varlink = json_is_true(json_object_get(o, "varlink"));
        strbuf_addn(&c->in, *bytes, (size_t)get_int(o, "in"));
        *bytes += get_int(o, "in");
        strbuf_addn(&c->out, *bytes, (size_t)get_int(o, "out"));
        *bytes += get_int(o, "out");
        if (json_is_object(call))
                callstate_load(c, call);
        server_resume(c);
}

void handover_restore(struct handover *h, struct daemon *d)
{
        const json_t *files = json_object_get(h->doc, "files");
        const char *bytes = h->bytes;
        size_t i;
        json_t *c;
        core_resume(d->core, json_object_get(h->doc, "pending"));
        d->next_op = (uint64_t)get_int(h->doc, "next_op");
        /* What services get is not what svcd has raised its own limit to. */
        d->nursery.files =
            (struct rlimit){(rlim_t)get_int(files, "soft"), (rlim_t)get_int(files, "hard")};
        json_array_foreach(json_object_get(h->doc, "clients"), i, c) restore_client(d, c, &bytes);
}
