/* conf_settings.c: the tables that settings.def, check.def, account.def and conf_types.def make. Data only. */
#include "common/conf.h"

#include <stddef.h>

const struct conf_setting_info conf_settings[SETTING_COUNT] = {
#define SETTING(member_, path_, type_, default_, min_, max_, aux_, change_, help_)                 \
        [SETTING_##member_] = {.member = #member_,                                                 \
                               .path = path_,                                                      \
                               .fallback = default_,                                               \
                               .aux = aux_,                                                        \
                               .help = help_,                                                      \
                               .type = CONF_##type_,                                               \
                               .min = min_,                                                        \
                               .max = max_,                                                        \
                               .change = CONF_CHANGE_##change_,                                    \
                               .offset = offsetof(struct conf_service, member_)},
#define SHORT(group_, path_)
#include "common/settings.def"
#undef SETTING
#undef SHORT
};

const struct conf_setting_info conf_check_settings[CHECK_COUNT] = {
#define CHECK(member_, key_, type_, default_, min_, max_, aux_, help_)                             \
        [CHECK_##member_] = {.member = #member_,                                                   \
                             .path = key_,                                                         \
                             .fallback = default_,                                                 \
                             .aux = aux_,                                                          \
                             .help = help_,                                                        \
                             .type = CONF_##type_,                                                 \
                             .min = min_,                                                          \
                             .max = max_,                                                          \
                             .change = CONF_CHANGE_LIVE,                                           \
                             .offset = offsetof(struct conf_check, member_)},
#include "common/check.def"
#undef CHECK
};

const struct conf_setting_info conf_account_settings[ACCOUNT_COUNT] = {
#define ACCOUNT(member_, path_, type_, default_, min_, max_, aux_, help_)                          \
        [ACCOUNT_##member_] = {.member = #member_,                                                 \
                               .path = path_,                                                      \
                               .fallback = default_,                                               \
                               .aux = aux_,                                                        \
                               .help = help_,                                                      \
                               .type = CONF_##type_,                                               \
                               .min = min_,                                                        \
                               .max = max_,                                                        \
                               .change = CONF_CHANGE_LIVE,                                         \
                               .offset = offsetof(struct conf_account, member_)},
#include "common/account.def"
#undef ACCOUNT
};

const char *const conf_type_text[] = {
#define TYPE(name, ctype, text) [CONF_##name] = text,
#include "common/conf_types.def"
#undef TYPE
};

const struct conf_short conf_shorts[] = {
#define SETTING(...)
#define SHORT(group_, path_) {.group = group_, .path = path_},
#include "common/settings.def"
#undef SETTING
#undef SHORT
};
const size_t conf_shorts_n = ARRAY_SIZE(conf_shorts);
