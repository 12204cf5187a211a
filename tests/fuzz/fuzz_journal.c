/* fuzz_journal: any bytes as state.journal and as events.ndjson, beside a state.json that is good: a svcd
 * that died at any moment, on any disk. It starts all the same; it knows at least what the last state.json
 * that it was given says; what it has loaded, it saves and loads to the same; and the file of events, whatever
 * was in it, has every event that is added from then on, each once, as a line of its own, the last ones last.
 */
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisord/daemon.h"
#include "supervisord/state.h"
#include "tests/fuzz/core_check.h"

static char dir[] = "/tmp/fuzz-journal-XXXXXX";
static struct daemon d;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
        (void)st;
        (void)type;
        (void)at;
        return remove(path);
}

static void leave(void)
{
        nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void prepare(void)
{
        fuzz_require(mkdtemp(dir) != NULL, "no folder", dir);
        atexit(leave);
        d.paths.state = dir;
        d.loop = ev_loop_new(EVBACKEND_SELECT | EVFLAG_NOENV);
        ev_init(&d.save, NULL);
        d.last = &d.first;
}

static void put(const char *name, const void *data, size_t size)
{
        _cleanup_free_ char *path = path_join(dir, name);
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        fuzz_require(fd >= 0 && write(fd, data, size) == (ssize_t)size, "cannot write", path);
}

static void begin(void)
{
        _cleanup_free_ char *events = path_join(dir, "events.ndjson");
        d.core = core_new();
        d.events = (struct events){0};
        d.state = (struct state){0};
        d.save_error = 0;
        events_open(&d.events, events);
        fuzz_require(state_load(&d) == 0, "it does not start", d.log.pending.s);
}

static void end(void)
{
        events_done(&d.events);
        state_done(&d);
        core_free(d.core);
        ev_timer_stop(d.loop, &d.save);
        strbuf_done(&d.log.pending);
}

/* How many of the last events are RUN, RUN + 1, …; they must be that and in their order. */
static void check_events(int64_t run, size_t n)
{
        struct strv all = {0};
        json_t *last = events_last(&d.events, &all, n);
        fuzz_require(json_array_size(last) == n, "an event is missing", NULL);
        for (size_t i = 0; i < n; i++) {
                const json_t *o = json_array_get(last, i);
                fuzz_require(json_integer_value(json_object_get(o, "run")) == run + (int64_t)i,
                             "not the events that were added, in their order", NULL);
        }
        json_decref(last);
}

static void add_events(int64_t run, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                json_t *fields = json_pack("{s:I}", "run", (json_int_t)(run + (int64_t)i));
                free(events_add(&d.events, "a", "started", fields, 1790000000000));
                if (i % 2)
                        state_commit(&d, false);
        }
        state_commit(&d, false);
        fuzz_require(events_flush(&d.events) == 0, "events cannot be written", NULL);
}

/* Every line behind the first FROM bytes is an event, and no number is there twice. */
static void check_file(size_t from, size_t added)
{
        _cleanup_free_ char *path = path_join(dir, "events.ndjson"), *text = NULL;
        size_t n = 0, lines = 0;
        int64_t before = INT64_MIN;
        fuzz_require(file_read(path, 64 << 20, &text, &n) == 0 && n >= from, "no file", path);
        for (char *p = text + from, *end = text + n; p < end;) {
                char *nl = memchr(p, '\n', (size_t)(end - p));
                fuzz_require(nl != NULL, "half a line", p);
                if (nl > p) {
                        json_t *o = json_loadb(p, (size_t)(nl - p), 0, NULL);
                        int64_t seq = json_integer_value(json_object_get(o, "seq"));
                        fuzz_require(o != NULL, "not an event", p);
                        fuzz_require(seq > before, "a number again", p);
                        before = seq;
                        lines++;
                        json_decref(o);
                }
                p = nl + 1;
        }
        fuzz_require(lines >= added, "an event is not in the file", text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char state[] =
            "{\"format\":\"svcd-state\",\"version\":1,\"boot_id\":\"boot-1\","
            "\"journal\":1,\"seq\":7,\"written\":7,\"services\":{\"a\":"
            "{\"run\":3,\"last_run\":3,\"exited_run\":3},\"b\":{\"holds\":"
            "[\"command\"]}}}";
        struct fuzz_in in = {data, data + size};
        size_t n;
        if (!d.loop)
                prepare();
        const uint8_t *p = fuzz_bytes(&in, 8192, &n);
        put("state.json", state, sizeof(state) - 1);
        put("state.journal", p, n);
        put("events.ndjson", in.p, fuzz_left(&in));

        begin();
        core_check(d.core, 1000000);
        add_events(100, 3);
        check_events(100, 3);
        end();

        struct stat st;
        _cleanup_free_ char *path = path_join(dir, "events.ndjson");
        fuzz_require(stat(path, &st) == 0, "no file", path);
        begin(); /* its successor */
        check_events(100, 3);
        add_events(200, 4);
        check_events(200, 4);
        check_file((size_t)st.st_size, 4);
        core_check(d.core, 1000000);
        end();
        return 0;
}
