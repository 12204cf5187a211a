/* fuzz_shim_lines: what a service writes, in whatever chunks and at whatever times, is in its log: every line
 * whole, once, in order, with a time and its source; no file larger than it may be; lines that are cut can be joined.
 * Meanwhile others delete, move and truncate the file, append to it, have it rotated; and the disk is full for a
 * while: then what is missing is counted.
 *
 * The pipes and the files are real ones, in a folder of their own; time, and the room on the disk, are the target's
 * (--wrap).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/drain.h"
#include "shim/gate.h"
#include "shim/logfile.h"
#include "tests/fuzz/fuzz.h"

#define TEXT_MAX (1u << 20)
#define STEPS    400

static struct shim the_shim;
char shim_boot_id[40];

enum source { OUT, ERR, SVCD, SOURCES };
static const char *const names[SOURCES] = {"out", "err", "svcd"};
static const char mark[] = "line continued source=";

/* What was said, and what the files that are not the shim's any more had. */
struct bytes {
        size_t n;
        char s[TEXT_MAX];
};
static struct bytes said[SOURCES], taken, found[SOURCES];
/* Beginnings of lines that others have written behind; each comes again, whole. */
static struct bytes broken;
static size_t broken_at;

static struct fuzz_in in;
static int64_t now_us, room; /* room on the disk; -1 = enough */
static bool was_full, others_wrote, gap[SOURCES];
static int events, moved, gaps;
static size_t limit;
static unsigned
    unit; /* of the writes while there is more to come; 0 = all is written in each turn */
static char folder[64], path[96];

int64_t __wrap_stamp_mono_us(void);
int64_t __wrap_stamp_mono_us(void)
{
        return now_us;
}

int64_t __wrap_stamp_wall_ms(void);
int64_t __wrap_stamp_wall_ms(void)
{
        return INT64_C(1790000000000) + now_us / 1000;
}

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
        if (fd != the_shim.log.fd || room < 0)
                return __real_write(fd, p, n);
        if (room == 0) {
                errno = ENOSPC;
                return -1;
        }
        ssize_t done = __real_write(fd, p, n < (size_t)room ? n : (size_t)room);
        room -= done;
        return done;
}

static void add(struct bytes *b, const void *p, size_t n)
{
        fuzz_require(n <= sizeof(b->s) - b->n, "the target's own room", NULL);
        memcpy(b->s + b->n, p, n);
        b->n += n;
}

static void add_file(struct bytes *b, const char *file)
{
        int fd = open(file, O_RDONLY);
        ssize_t n;
        if (fd < 0)
                return;
        while ((n = read(fd, b->s + b->n, sizeof(b->s) - b->n)) > 0)
                b->n += (size_t)n;
        close(fd);
}

/* What others have written at the end of a file, or cut there, gets one. */
static void end_line(struct bytes *b)
{
        if (!the_shim.log.plain && b->n && b->s[b->n - 1] != '\n')
                add(b, "\n", 1);
}

static void add_ended(struct bytes *b, const char *file)
{
        add_file(b, file);
        end_line(b);
}

/* ---- what happens ---- */

static void turn(void)
{
        struct shim *s = &the_shim;
        s->now_us = now_us;
        drain_turn(s, true);
        if (unit)
                log_flush_some(&s->log, now_us / 1000 % 3 ? LOG_BYTES : LOG_LINES, unit, now_us);
        else
                log_flush(&s->log);
}

static void say(enum source who, const void *p, size_t n)
{
        struct stream *st = who == OUT ? &the_shim.drain.out : &the_shim.drain.err;
        if (said[who].n + n > 40 * limit || said[who].n + n > TEXT_MAX / 4)
                return;
        ssize_t done = __real_write(st->w, p, n);
        if (done > 0)
                add(&said[who], p, (size_t)done);
}

/* TIMES: a line that is longer than a buffer, and is in the file before it has an end. */
static void say_much(enum source who, int times)
{
        static char much[16384];
        size_t n = (size_t)fuzz_byte(&in) * 64 + fuzz_byte(&in);
        n = n < sizeof(much) ? n : sizeof(much) - 1;
        memset(much, 'a' + (int)(n % 26), sizeof(much));
        while (--times > 0) {
                say(who, much, sizeof(much));
                now_us += 20000;
                turn();
        }
        if (n % 3 == 0)
                much[n++] = '\n';
        say(who, much, n);
}

static void say_event(void)
{
        char text[32];
        int n = snprintf(text, sizeof(text), "said %d", ++events);
        gate_line(&the_shim, __wrap_stamp_wall_ms(), "svcd", 4, text, (size_t)n);
        add(&said[SVCD], text, (size_t)n);
        add(&said[SVCD], "\n", 1);
}

static void rename_to_taken(const char *suffix)
{
        char from[128], to[128];
        snprintf(from, sizeof(from), "%s%s", path, suffix);
        snprintf(to, sizeof(to), "%s/taken.%04d", folder, moved);
        moved += rename(from, to) == 0;
}

/* The rotated ones first, so that what was written is in the order of the names. */
static void move(void)
{
        char suffix[16];
        int n = 1;
        for (; snprintf(suffix, sizeof(suffix), ".%d", n), n < 200; n++) {
                char file[128];
                snprintf(file, sizeof(file), "%s%s", path, suffix);
                if (access(file, F_OK) < 0)
                        break;
        }
        while (--n > 0) {
                snprintf(suffix, sizeof(suffix), ".%d", n);
                rename_to_taken(suffix);
        }
        rename_to_taken("");
}

/* Its content is the world's from now on: a last line without an end comes again, whole. */
static void delete (void)
{
        char file[128];
        struct stat st;
        move();
        if (moved == 0)
                return;
        snprintf(file, sizeof(file), "%s/taken.%04d", folder, moved - 1);
        if (the_shim.log.fd < 0 || fstat(the_shim.log.fd, &st) < 0)
                return;
        struct stat there;
        if (stat(file, &there) < 0 || there.st_ino != st.st_ino)
                return;
        for (int i = 0; i < moved; i++) {
                snprintf(file, sizeof(file), "%s/taken.%04d", folder, i);
                if (i < moved - 1)
                        add_ended(&taken, file);
                else
                        add_file(&taken, file);
                unlink(file);
        }
        moved = 0;
        while (taken.n && taken.s[taken.n - 1] != '\n')
                taken.n--;
}

/* Of a line that has begun, so much is the end of FILE: it comes again, whole. */
static size_t begun(const char *file)
{
        const struct log *l = &the_shim.log;
        struct stat st, there;
        bool ours = l->fd >= 0 && fstat(l->fd, &st) == 0 && stat(file, &there) == 0 &&
                    there.st_ino == st.st_ino && st.st_size == l->size_bytes;
        return ours ? l->ahead : 0;
}

static void truncate_it(void)
{
        char file[128];
        move();
        if (moved == 0)
                return;
        for (int i = 0; i < moved; i++) {
                snprintf(file, sizeof(file), "%s/taken.%04d", folder, i);
                add_file(&taken, file);
                taken.n -= begun(file);
                end_line(&taken);
                if (i < moved - 1 || truncate(file, 0) < 0 || rename(file, path) < 0)
                        unlink(file);
        }
        moved = 0;
}

static void append(void)
{
        static const char text[] = "\nWho else writes here";
        int fd = open(path, O_WRONLY | O_APPEND);
        if (fd < 0)
                return;
        struct stat st;
        if (begun(path)) {
                add(&broken, the_shim.log.buf, begun(path));
                add(&broken, "\n", 1);
        }
        others_wrote = __real_write(fd, text, sizeof(text) - 1) > 0 || others_wrote;
        /* A file that has the size that it had before is not looked at. */
        if (fstat(fd, &st) == 0 && st.st_size == the_shim.log.size_bytes)
                others_wrote = __real_write(fd, "!", 1) > 0 || others_wrote;
        close(fd);
}

static void order_rotation(void)
{
        struct stat st;
        log_flush(&the_shim.log);
        if (stat(path, &st) == 0)
                logfile_rotate(&the_shim.log, st.st_ino);
}

static void others(void)
{
        switch (fuzz_byte(&in) % 8) {
        case 0:
                move();
                break;
        case 1:
                delete ();
                break;
        case 2:
                truncate_it();
                break;
        case 3:
                append();
                break;
        case 4:
                order_rotation();
                break;
        case 5:
                room = (int64_t)fuzz_byte(&in) * 20;
                was_full = true;
                break;
        default:
                room = -1;
                break;
        }
}

static void step(bool calm)
{
        static const char forged[] = "2026-11-20T11:12:13.123+01:00 svcd said 1";
        uint8_t what = fuzz_byte(&in);
        enum source who = what & 8 ? ERR : OUT;
        size_t n;
        switch (what & 7) {
        case 0:
        case 1: {
                const uint8_t *p = fuzz_bytes(&in, 300, &n);
                say(who, p, n);
                break;
        }
        case 2:
                say_much(who, what & 16 ? 6 : 1);
                break;
        case 3:
                say(who, forged, sizeof(forged) - 1);
                break;
        case 4:
                now_us += (int64_t)fuzz_byte(&in) * 2000;
                turn();
                break;
        case 5:
                say(who, "\n", 1);
                break;
        case 6:
                if (!calm)
                        say_event();
                turn();
                break;
        default:
                if (!calm)
                        others();
                turn();
                break;
        }
}

/* ---- what must be in the files ---- */

static size_t line_at(const struct bytes *b, size_t at)
{
        const char *newline = at < b->n ? memchr(b->s + at, '\n', b->n - at) : NULL;
        return newline ? (size_t)(newline - b->s) - at + 1 : b->n - at;
}

static bool is_stamp(const char *p, size_t n)
{
        static const char like[] = "0000-00-00T00:00:00.000+00:00 ";
        if (n < sizeof(like) - 1)
                return false;
        for (size_t i = 0; i < sizeof(like) - 1; i++)
                if (like[i] == '0' ? p[i] < '0' || p[i] > '9' : p[i] != like[i] && i != 23)
                        return false;
        return true;
}

static void take_line(const char *p, size_t n, bool goes_on[SOURCES], int64_t *lost)
{
        static const char lines_lost[] = "lines lost=";
        size_t who = 0, source_n;
        fuzz_require(is_stamp(p, n), "a line without a time", p);
        p += STAMP_LEN;
        n -= STAMP_LEN;
        while (who < SOURCES && !(n > strlen(names[who]) && p[strlen(names[who])] == ' ' &&
                                  memcmp(p, names[who], strlen(names[who])) == 0))
                who++;
        fuzz_require(who < SOURCES, "a line without a source", p);
        source_n = strlen(names[who]) + 1;
        p += source_n;
        n -= source_n;
        if (who == SVCD && n > sizeof(mark) && memcmp(p, mark, sizeof(mark) - 1) == 0) {
                goes_on[p[sizeof(mark) - 1] == 'o' ? OUT : ERR] = true;
                return;
        }
        if (who == SVCD && n > sizeof(lines_lost) &&
            memcmp(p, lines_lost, sizeof(lines_lost) - 1) == 0) {
                *lost += strtoll(p + sizeof(lines_lost) - 1, NULL, 10);
                gap[OUT] = gap[ERR] = true; /* what goes on behind it may lack something */
                memset(goes_on, 0, SOURCES * sizeof(*goes_on));
                return;
        }
        if (goes_on[who] && found[who].n && !gap[who])
                found[who].n--; /* the newline */
        gaps += goes_on[who] && gap[who];
        gap[who] = false;
        memset(goes_on, 0, SOURCES * sizeof(*goes_on));
        add(&found[who], p, n);
}

/* Lines that are missing, or of which a part is: only if the disk was full. Returns how many are whole. */
static int64_t compare(enum source who, int64_t *ret_total)
{
        struct bytes *f = &found[who], *m = &said[who];
        size_t at = 0;
        int64_t whole = 0;
        *ret_total = 0;
        for (size_t i = 0; i < m->n; i += line_at(m, i))
                ++*ret_total;
        if (!was_full) {
                size_t same = 0;
                while (same < f->n && same < m->n && f->s[same] == m->s[same])
                        same++;
                f->s[f->n < TEXT_MAX ? f->n : TEXT_MAX - 1] = '\0';
                if (getenv("FUZZ_SHOW") && (f->n != m->n || same != m->n))
                        fprintf(stderr, "%s: found %zu, said %zu, same %zu\n", names[who], f->n,
                                m->n, same);
                fuzz_require(f->n == m->n && same == m->n, "not what was said; found from there",
                             f->s + same);
                return *ret_total;
        }
        for (size_t i = 0, n; i < f->n; i += n) {
                n = line_at(f, i);
                size_t j = at, k = 0;
                while (j < m->n &&
                       !((k = line_at(m, j)) == n && memcmp(m->s + j, f->s + i, n) == 0))
                        j += k;
                if (j < m->n) {
                        whole++;
                        at = j + k;
                        continue;
                }
                /* a piece of one, of which others are missing */
                for (j = 0; j < m->n; j += k) {
                        k = line_at(m, j);
                        if (memmem(m->s + j, k, f->s + i, n - 1))
                                break;
                }
                fuzz_require(j < m->n, "a line that nobody has said", f->s + i);
        }
        return whole;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

static void gather(void)
{
        struct dirent **list;
        char file[PATH_MAX];
        int n = scandir(folder, &list, NULL, by_name);
        for (int i = 0; i < n; i++) { /* taken.0000 … */
                if (strncmp(list[i]->d_name, "taken.", 6) == 0) {
                        snprintf(file, sizeof(file), "%s/%s", folder, list[i]->d_name);
                        add_ended(&taken, file);
                        unlink(file);
                }
                free(list[i]);
        }
        free(list);
        int last = 0;
        for (;; last++) {
                snprintf(file, sizeof(file), "%s.%d", path, last + 1);
                if (access(file, F_OK) < 0)
                        break;
        }
        for (; last >= 0; last--) {
                struct stat st;
                snprintf(file, sizeof(file), last ? "%s.%d" : "%s", path, last);
                if (stat(file, &st) == 0)
                        /* One that could not be rotated, since the disk was full, may have twice its size. */
                        fuzz_require(others_wrote || (size_t)st.st_size <= limit * (1 + was_full),
                                     "too large", file);
                add_ended(&taken, file);
                unlink(file);
        }
}

static void look(void)
{
        bool goes_on[SOURCES] = {0};
        int64_t lost = 0, missing = 0;
        for (size_t at = 0, n; at < taken.n; at += n) {
                n = line_at(&taken, at);
                if (taken.s[at] == 'W' || n == 1) /* an empty line is theirs, too */
                        continue;
                size_t part = line_at(&broken, broken_at);
                if (part == n && memcmp(broken.s + broken_at, taken.s + at, n) == 0) {
                        broken_at += n;
                        continue;
                }
                take_line(taken.s + at, n, goes_on, &lost);
        }
        if (getenv("FUZZ_SHOW")) /* for whoever looks at an input that broke something */
                fprintf(stderr, "%.*s", (int)taken.n, taken.s);
        for (enum source who = OUT; who < SOURCES; who++) {
                int64_t total, whole = compare(who, &total);
                missing += total - whole;
        }
        if (getenv("FUZZ_SHOW"))
                fprintf(stderr, "lost %ld missing %ld\n", (long)lost, (long)missing);
        fuzz_require(was_full || lost == 0, "lost, but why", NULL);
        fuzz_require(lost + gaps >= missing || !was_full, "missing, and not counted", NULL);
}

static void look_plain(void)
{
        fuzz_require(taken.n == said[OUT].n && memcmp(taken.s, said[OUT].s, taken.n) == 0,
                     "not the bytes that were said", NULL);
}

static void begin(uint8_t how)
{
        static const size_t limits[] = {512, 600, 4096, 10000, 70000, 150000, 300000, 1000000};
        struct shim *s = &the_shim;
        if (!*folder) {
                const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
                snprintf(folder, sizeof(folder), "%s/svcd-fuzz-XXXXXX", base);
                fuzz_require(mkdtemp(folder), "a folder", folder);
                snprintf(path, sizeof(path), "%s/a.log", folder);
        }
        static const unsigned units[] = {0, 64, 1000, LOG_UNIT};
        limit = limits[how % 8];
        unit = units[how >> 5 & 3];
        now_us = 1000000000;
        room = -1;
        was_full = others_wrote = false;
        events = moved = gaps = 0;
        taken.n = broken.n = broken_at = 0;
        for (int i = 0; i < SOURCES; i++)
                said[i].n = found[i].n = gap[i] = 0;
        memset(s, 0, sizeof(*s));
        shim_init(s);
        s->now_us = now_us;
        s->link.fd = s->notify.fd = s->record.fd = -1;
        drain_init(s);
        journal_init(&s->journal, "a");
        log_init(&s->log, big.log, path, &s->journal);
        s->log.max_bytes = (int64_t)limit;
        s->log.keep = 150;
        s->log.plain = (how & 0x18) == 0x18;
        fuzz_require(drain_pipes(s) == 0, "pipes", NULL);
        fcntl(s->drain.out.w, F_SETFL, O_NONBLOCK);
        fcntl(s->drain.err.w, F_SETFL, O_NONBLOCK);
}

static void end(void)
{
        struct shim *s = &the_shim;
        size_t waiting[2];
        room = -1;
        now_us += 3000000;
        s->now_us = now_us;
        drain_waiting(s, waiting);
        drain_finish(s, waiting);
        log_flush(&s->log);
        now_us += 60000000; /* what was lost is told */
        log_flush(&s->log);
        log_flush(&s->log);
        for (enum source who = OUT; who <= ERR; who++)
                if (said[who].n && said[who].s[said[who].n - 1] != '\n')
                        add(&said[who], "\n", 1);
        close(s->drain.out.r);
        close(s->drain.out.w);
        close(s->drain.err.r);
        close(s->drain.err.w);
        if (s->log.fd >= 0)
                close(s->log.fd);
}

static void leave(void)
{
        rmdir(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static bool once;
        in = (struct fuzz_in){data, data + size};
        begin(fuzz_byte(&in));
        if (!once)
                atexit(leave);
        once = true;
        bool plain = the_shim.log.plain;
        for (int i = 0; i < STEPS && fuzz_left(&in); i++) {
                /* In a plain log nobody can tell who said what. */
                if (plain && in.p < in.end && *in.p & 8)
                        in.p++;
                else
                        step(plain);
        }
        end();
        gather();
        if (plain)
                look_plain();
        else
                look();
        return 0;
}
