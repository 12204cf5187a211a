/* core_check: what must hold of a core whatever it was told, for the targets that tell it things:
 * numbers that can be counted on, text for people about everything, and a state that is the same after
 * it was saved and loaded.
 */
#ifndef SVCD_TESTS_FUZZ_CORE_CHECK_H
#define SVCD_TESTS_FUZZ_CORE_CHECK_H

#include "supervisord/core/core.h"
#include "tests/fuzz/fuzz.h"
#include "tests/helpers/saved.h"

#define CORE_CHECK_MAX  (INT64_C(1) << 53) /* nothing that is counted or timed comes near it */
#define CORE_CHECK_BOOT "boot-1"

static inline bool core_check_number(int64_t v)
{
        return v >= 0 && v <= CORE_CHECK_MAX;
}

static inline void core_check_exit(const struct core_service *s, const struct core_exit *e)
{
        _cleanup_free_ char *text = core_exit_text(s, e);
        fuzz_require(text && *text, "an exit without a text", s->name);
        fuzz_require(core_check_number(e->run) && core_check_number(e->pid) &&
                         core_check_number(e->ran_ms) && core_check_number(e->at_wall_ms) &&
                         core_check_number(e->user_ms) && core_check_number(e->system_ms) &&
                         core_check_number(e->maxrss_bytes) && core_check_number(e->failures) &&
                         core_check_number(e->stage) && core_check_number(e->error),
                     "a number of an exit is out of range", text);
}

/* Sentences, of which the first and no other says what it is doing. */
static inline void core_check_why(const struct core *c, const struct core_service *s,
                                  int64_t now_ms)
{
        struct core_facts facts = {.changes = "command", .holder = "pid 1"};
        struct core_said *said;
        size_t n = core_why(c, s, &facts, now_ms, &said);
        fuzz_require(n > 0, "nothing is said of it", s->name);
        for (size_t i = 0; i < n; i++) {
                fuzz_require(said[i].text && *said[i].text, "an empty sentence", s->name);
                fuzz_require((core_why_part(said[i].code) == CORE_WHY_STATE) == (i == 0),
                             "the state is not said first, and once", core_why_code(said[i].code));
                free(said[i].text);
        }
        free(said);
}

static inline void core_check_service(const struct core *c, const struct core_service *s,
                                      int64_t now_ms)
{
        _cleanup_free_ char *note = core_note(c, s, now_ms);
        fuzz_require(note != NULL, "no note", s->name);
        fuzz_require(core_state_name(s) && *core_state_name(s), "no state", s->name);
        fuzz_require(s->actual < CORE_ACTUAL_COUNT, "no such state", s->name);
        fuzz_require(core_check_number(s->run) && core_check_number(s->pid) &&
                         core_check_number(s->started_wall_ms) && core_check_number(s->restarts),
                     "a number of a service is out of range", s->name);
        fuzz_require(core_check_number(s->good.ran_ms) &&
                         core_check_number(s->good.until_wall_ms) &&
                         core_check_number(s->changed_wall_ms) &&
                         core_check_number(s->rolled_back_wall_ms),
                     "a time of a definition is out of range", s->name);
        core_check_why(c, s, now_ms);
        fuzz_require(s->exits_n >= 0 && s->exits_n <= CORE_EXITS, "exits", s->name);
        for (int i = 0; i < s->exits_n; i++)
                core_check_exit(s, &s->exits[i]);
        fuzz_require(s->tally_n >= 0 && s->tally_n <= CORE_TALLY_MAX, "tally", s->name);
        for (int i = 1; i < s->tally_n; i++)
                fuzz_require(s->tally[i - 1] <= s->tally[i], "the tally is not sorted", s->name);
        fuzz_require(core_failures(s, now_ms) <= s->tally_n, "failures", s->name);
}

static inline struct core *core_check_load(const json_t *state, const char *boot)
{
        char *error = NULL;
        struct core *c = core_new();
        int r = core_load(c, state, boot, &error);
        fuzz_require((r < 0) == (error && *error), "refused without a message", NULL);
        fuzz_require(r == 0 || core_count(c) == 0, "refused, and taken over", error);
        free(error);
        if (r == 0)
                return c;
        core_free(c);
        return NULL;
}

/* What is saved loads, and saves as the same; unless it has counted beyond what is believed, which takes
 * a file that says it had come nearly so far. */
static inline void core_check_saved(struct core *c)
{
        for (size_t i = 0; i < core_count(c); i++)
                if (core_at(c, i)->run > CORE_RUN_MAX)
                        return;
        json_t *saved = saved_state(c, CORE_CHECK_BOOT);
        /* SOON: one that was forgotten is left out the next time. */
        fuzz_require(core_dirty(c) != CORE_DIRTY_NOW, "dirty after it was saved", NULL);
        char *text = json_dumps(saved, JSON_COMPACT | JSON_SORT_KEYS);
        fuzz_require(text != NULL, "the state cannot be written", NULL);
        json_t *read = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        struct core *again = core_check_load(read, CORE_CHECK_BOOT);
        fuzz_require(again != NULL, "what was saved is refused", text);
        json_t *second = saved_state(again, CORE_CHECK_BOOT);
        if (!json_equal(saved, second)) {
                char *other = json_dumps(second, JSON_COMPACT | JSON_SORT_KEYS);
                fprintf(stderr, "%s\n", other);
                fuzz_require(false, "saved, loaded and saved is not the same", text);
        }
        json_decref(saved);
        json_decref(read);
        json_decref(second);
        core_free(again);
        free(text);
}

static inline void core_check(struct core *c, int64_t now_ms)
{
        for (size_t i = 0; i < core_count(c); i++) {
                core_check_service(c, core_at(c, i), now_ms);
                fuzz_require(i == 0 || strcmp(core_at(c, i - 1)->name, core_at(c, i)->name) < 0,
                             "the services are not sorted", core_at(c, i)->name);
        }
        core_check_saved(c);
}

#endif
