/* import_js: pm2's ecosystem.config.js, which is a program: node runs it, and says what it exports as JSON.
 */
#ifndef SVCD_CTL_IMPORT_JS_H
#define SVCD_CTL_IMPORT_JS_H

#include <stdbool.h>
#include <stddef.h>

/* Whether PATH is named like JavaScript. */
bool import_js_is(const char *path);

/* Whether text reads like JavaScript that exports something. */
bool import_js_looks(const char *text);

/* Runs `node` with the file PATH, for at most 20 s. 0 and JSON, or -errno and a sentence in *ret_error; caller frees
 * both. */
int import_js_run(const char *path, char **ret, size_t *ret_n, char **ret_error);

#endif
