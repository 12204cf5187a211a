/* conf_yaml_text: the text side of conf_yaml: its lines, what libyaml's complaints mean for a person, and
 * the one kind of line that is read although it is not valid YAML. Private to the conf modules and to what
 * changes their text (ctl/yamltree.h); apart from conf_yaml.h because only this needs libyaml's own header.
 */
#ifndef SVCD_COMMON_CONF_YAML_TEXT_H
#define SVCD_COMMON_CONF_YAML_TEXT_H

#include <yaml.h>

#include "common/conf_yaml.h"

#define CONF_REPAIRS_MAX 32 /* lines of a file; each one costs another reading of it */

/* Fills line_at and lines. */
void conf_doc_find_lines(struct conf_doc *d);

/* What is wrong, after yaml_parser_parse has failed, and where (lines and columns from 1). Caller frees. */
char *conf_yaml_problem(const struct conf_doc *d, const yaml_parser_t *p, int *ret_line,
                        int *ret_column);

/* A command such as `command: redis-server --bind :: --port 8300` is what people write, and product.md
 * too, but ": " within a value without quotes is not valid YAML. Nothing else can be meant by it, so
 * it is read as if the whole value were in quotes, with a warning, because other tools will refuse it.
 *
 * Whether the parser failed because of such a line. */
bool conf_yaml_repairable(const struct conf_doc *d, const yaml_parser_t *p);

/* The value of a line of N bytes `KEY: VALUE` or `- KEY: VALUE` that is not quoted and no list or map; its length
 * without a comment in *RET_N. NULL if the line is something else. */
const char *conf_yaml_plain_value(const char *s, size_t n, size_t *ret_n);

/* Puts the value in quotes in WORK, a copy of the document's text with the same lines. */
void conf_yaml_repair(struct conf_doc *d, int line, struct strbuf *work, struct diag *diag);

#endif
