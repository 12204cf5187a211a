/* view: services and settings as the JSON objects of org.svcd.Supervisor. Reads, never changes.
 * All results are new references.
 */
#ifndef SVCD_SUPERVISORD_VIEW_H
#define SVCD_SUPERVISORD_VIEW_H

#include <jansson.h>

#include "supervisord/daemon.h"

const char *view_version(void);
json_t *view_text(const char *s); /* NULL is null; bytes that are no UTF-8 become "?" */
json_t *view_origin(const struct conf_origin *origin);
/* A service; the same as text that is added. */
json_t *view_service(const struct daemon *d, const struct core_service *s, bool usage,
                     int64_t now_ms);
void view_add_service(struct strbuf *b, const struct daemon *d, const struct core_service *s,
                      bool usage, int64_t now_ms);
/* The same with what a table shows of it only. */
void view_add_row(struct strbuf *b, const struct daemon *d, const struct core_service *s,
                  bool usage, int64_t now_ms);
/* What svcd says of itself. */
void view_add_info(struct strbuf *b, const char *key, struct daemon *d, int64_t now_ms);
json_t *view_diagnostics(const struct diag *diag);
/* "changes" of an answer, as text that is added; one of them. */
void view_add_changes(struct strbuf *b, const struct core_plan *plan);
json_t *view_change(const struct core_change *c);
/* Adds J, which is released, as text. */
void view_add_json(struct strbuf *b, const char *key, json_t *j);
/* What its checks are like, with their last results. */
json_t *view_checks(const struct core_service *s, int64_t now_ms);
json_t *view_settings(const struct daemon *d, const struct core_service *s, bool secrets);
/* Like conf_print, without the values that are secrets. Caller frees. */
char *view_print_environment(const struct conf_env *env);
/* NULL and a message in *ret_error (caller frees) if the environment cannot be built. */
json_t *view_environment(const struct daemon *d, const struct core_service *s, bool secrets,
                         char **ret_error);

#endif
