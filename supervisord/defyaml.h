/* defyaml: a definition in use as YAML that loads to the same. Values come from conf_print, which the parser
 * reads back to the same value; the user's own files are never written with this.
 */
#ifndef SVCD_SUPERVISORD_DEFYAML_H
#define SVCD_SUPERVISORD_DEFYAML_H

#include "common/conf.h"

/* The account's `environment:`, if CONF has one; what else it says of the account. */
void defyaml_environment(struct strbuf *b, const struct conf *conf);
void defyaml_settings(struct strbuf *b, const struct conf *conf);

/* The entry of DEF below `services:`, with REQUIRES in place of its own. */
void defyaml_service(struct strbuf *b, const struct conf_service *def, const struct strv *requires);

#endif
