/* varlink: messages of the Varlink protocol: JSON objects that end in a NUL byte, on a stream socket.
 * Only framing and the shape of messages; no descriptor is touched here.
 * Source of the rules: varlink.org, "Protocol".
 */
#ifndef SVCD_COMMON_VARLINK_H
#define SVCD_COMMON_VARLINK_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "common/util.h"

#define VARLINK_INTERFACE   "org.svcd.Supervisor"
#define VARLINK_REQUEST_MAX (64u * 1024u)         /* bytes of a request, without its NUL */
#define VARLINK_REPLY_MAX   (64u * 1024u * 1024u) /* bytes of a reply that svcctl accepts */
#define VARLINK_DEPTH_MAX   32
#define VARLINK_VALUES_MAX                                                                         \
        2000000u /* of a message; ten thousand services have a million and a half */

struct varlink_call {
        char *method;       /* "org.svcd.Supervisor.Start" */
        json_t *parameters; /* an object, never NULL */
        bool more, oneway;
};
void varlink_call_done(struct varlink_call *c);

/* Takes the first whole message out of BUF (bytes before a NUL) as a string that the caller frees.
 * 0 and *ret set; -EAGAIN: not complete yet; -EMSGSIZE: longer than MAX. */
int varlink_take(struct strbuf *buf, size_t max_bytes, char **ret);

/* Text of a request → call. -EBADMSG and one sentence in *ret_error (static) if it is none. */
int varlink_parse_call(const char *text, struct varlink_call *ret, const char **ret_error);

/* Text of a reply: *ret_parameters is owned by the caller; *ret_error NULL or the error's full name
 * (caller frees); *ret_continues. -EBADMSG if it is none. */
int varlink_parse_reply(const char *text, json_t **ret_parameters, char **ret_error,
                        bool *ret_continues);

/* Appends a message with its NUL. PARAMETERS may be NULL; the reference is not taken. */
void varlink_add_call(struct strbuf *buf, const char *method, json_t *parameters, bool more);
void varlink_add_reply(struct strbuf *buf, json_t *parameters, bool continues);
/* The same; PARAMETERS is a JSON object as text. */
void varlink_add_reply_text(struct strbuf *buf, const char *parameters, bool continues);
void varlink_add_error(struct strbuf *buf, const char *error, json_t *parameters);

/* Checks the members of PARAMETERS against a format and fetches them. FORMAT is a list of
 * "name:type" separated by blanks, "?" behind the type for optional; types: s string, b bool,
 * i int, S array of strings. One pointer each follows: const char **, bool *, json_int_t *,
 * json_t ** (borrowed). An optional one that is missing or null leaves its target alone.
 * -EINVAL and the name of the wrong parameter (caller frees) in *ret_parameter; unknown members are
 * wrong too. */
int varlink_args(json_t *parameters, const char *format, char **ret_parameter, ...);

#endif
