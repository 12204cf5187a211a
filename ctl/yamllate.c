/* yamllate.c: libyaml, loaded by what needs it first. Most commands never look at a definition; linked, the library
 * would cost each of them a tenth of what svcctl takes to begin. These functions stand for the library's own, by their
 * names, for whoever in common/ or here calls them: a new one that is used has its line here, or svcctl does not link.
 * (svcd, which reads definitions each time it starts, is linked with it, and makes packages depend on it.)
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include <yaml.h>

#include "ctl/ctl.h"

#define LIBRARY "libyaml-0.so.2"

static void *find(const char *name)
{
        static void *so; /* never closed */
        if (!so)
                so = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
        void *f = so ? dlsym(so, name) : NULL;
        if (f)
                return f;
        fprintf(stderr, "svcctl: cannot load %s: %s\n", LIBRARY, dlerror());
        exit(STATUS_REFUSED);
}

#define LATE(result, name, parameters, arguments)                                                  \
        result name parameters                                                                     \
        {                                                                                          \
                static result(*f) parameters;                                                      \
                if (!f)                                                                            \
                        *(void **)&f = find(#name);                                                \
                return f arguments;                                                                \
        }

LATE(int, yaml_parser_initialize, (yaml_parser_t * parser), (parser))
LATE(void, yaml_parser_delete, (yaml_parser_t * parser), (parser))
LATE(void, yaml_parser_set_encoding, (yaml_parser_t * parser, yaml_encoding_t encoding),
     (parser, encoding))
LATE(void, yaml_parser_set_input_string,
     (yaml_parser_t * parser, const unsigned char *input, size_t size), (parser, input, size))
LATE(int, yaml_parser_parse, (yaml_parser_t * parser, yaml_event_t *event), (parser, event))
LATE(void, yaml_event_delete, (yaml_event_t * event), (event))
