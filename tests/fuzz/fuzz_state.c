/* fuzz_state: any bytes as state.json. It is loaded or refused with a message; what was loaded saves and
 * loads to the same, in this boot and after another; and a svcd goes on from it: it applies its
 * definitions, waits for the shims that it believes in, time passes, and all numbers stay in bounds.
 */
#include "tests/fuzz/core_check.h"
#include "tests/helpers/defs.h"

#define NOW_MS  INT64_C(1000000)
#define WALL_MS INT64_C(1790000000000)
#define STEPS   24

static struct conf *definitions(void)
{
        static struct conf *conf;
        if (conf)
                return conf;
        conf = defs_new();
        defs_add(conf, "a");
        defs_add(conf, "b");
        defs_add(conf, "c")->ready = (struct conf_int){CONF_READY_NOTIFY, true};
        strv_add(&conf->services[1]->requires, "a");
        defs_add_invalid(conf, "d");
        return conf;
}

/* Effects are all that comes out; those that ask for an answer get one that fails or succeeds. */
static void answer(struct core *c, int64_t now_ms)
{
        struct core_effect fx;
        while (core_next(c, &fx)) {
                if (fx.type == CORE_FX_LOG)
                        fuzz_require(fx.text && *fx.text && fx.event && fx.fields,
                                     "a line without words", fx.text);
                if (fx.type == CORE_FX_LOG)
                        json_decref(saved_fields(&fx));
                if (fx.type != CORE_FX_SPAWN)
                        continue;
                fuzz_require(fx.run > 0 && fx.run == fx.svc->run && core_check_number(fx.run),
                             "a run's number", fx.svc->name);
                struct core_event ev = {.type = CORE_EV_STARTED,
                                        .uid = -1,
                                        .run = fx.run,
                                        .pid = 4242,
                                        .at_ms = now_ms,
                                        .at_wall_ms = WALL_MS + now_ms};
                core_event(c, fx.svc, &ev, now_ms, WALL_MS + now_ms);
        }
}

static void go_on(struct core *c)
{
        int64_t now_ms = NOW_MS;
        core_adopt(c, "a");
        core_adopt(c, "zombie");
        core_apply(c, definitions(), now_ms, WALL_MS + now_ms);
        answer(c, now_ms);
        core_check(c, now_ms);
        struct core_event lost = {.type = CORE_EV_LOST, .uid = -1};
        for (size_t i = core_count(c); i-- > 0;) {
                struct core_service *s = core_at(c, i);
                if (s->actual == CORE_ADOPTING)
                        core_event(c, s, &lost, now_ms, WALL_MS + now_ms);
        }
        answer(c, now_ms);
        for (int i = 0; i < STEPS && core_deadline(c) != CORE_NEVER; i++) {
                now_ms = MAX(now_ms, core_deadline(c));
                fuzz_require(core_check_number(now_ms), "a deadline that never comes", NULL);
                core_tick(c, now_ms, WALL_MS);
                answer(c, now_ms);
        }
        core_check(c, now_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        json_error_t where;
        json_t *state = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, &where);
        if (!state) {
                fuzz_require(where.text[0] != '\0', "refused without a message", NULL);
                return 0;
        }
        for (int same_boot = 0; same_boot < 2; same_boot++) {
                struct core *c = core_check_load(state, same_boot ? CORE_CHECK_BOOT : "boot-2");
                if (!c)
                        break;
                core_check(c, NOW_MS);
                go_on(c);
                core_free(c);
        }
        json_decref(state);
        return 0;
}
