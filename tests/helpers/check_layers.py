"""check_layers: proves that dependencies point one way, and that core/ is pure.

    check_layers.py LIBCORE LIBCOMMON

Includes: each folder may include only what ALLOWED says. Symbols: libcore.a may need nothing but what is
listed here; everything that touches the world (fork, open, clock, libev, ...) is missing from the list, so
that a new need has to be written down.
"""

import os
import re
import subprocess
import sys

# Folder: what its files may include, as prefixes of paths from the root.
ALLOWED = {
    "common": ["common/"],
    "supervisord/core": ["common/", "supervisord/core/"],
    "supervisord": ["common/", "supervisord/"],
    "ctl": ["common/", "ctl/"],
    "shim": ["common/shim_proto.h", "shim/"],
    "conf": ["common/", "conf/"],
}
# What libcommon does to the world, and core/ may therefore not call.
IMPURE = (r"file_\w+|dir_make|paths_\w+|clock_mono_ms|clock_wall_ms|clock_boot_id|conf_load\w*|"
          r"conf_fingerprint|conf_environ_build|diag_print|util_close\w*|util_fclosep")
# What core/ may use of libc: memory, strings, numbers, and what the compiler itself puts in.
LIBC = (r"mem\w+|str(?!error_l\b)\w+|malloc|calloc|realloc|free|qsort|bsearch|abort|"
        r"v?s?n?printf|v?as?printf|__\w+_chk|__stack_chk_fail|__assert_fail|__errno_location|"
        r"__ctype_\w+|__isoc99_\w*sscanf|localtime_r|gmtime_r|timegm|labs|llabs|"
        r"_GLOBAL_OFFSET_TABLE_|__tls_get_addr")
# Those write to a stream; the list above would let them through.
STREAMS = r"printf|vprintf|__printf_chk|__vprintf_chk|__fprintf_chk|__vfprintf_chk|strsignal_r"
SANITIZERS = r"__asan_\w+|__ubsan_\w+|__gcov_\w+|__sanitizer_\w+|__lsan_\w+"


def symbols(path, option):
    out = subprocess.run(["nm", option, path], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1] for line in out.splitlines() if line.strip() and not line.endswith(":")}


def check_symbols(core, common):
    wrong = []
    own, shared = symbols(core, "--defined-only"), symbols(common, "--defined-only")
    for name in sorted(symbols(core, "--undefined-only") - own):
        if re.fullmatch(SANITIZERS, name) or re.fullmatch(r"json_\w+", name):
            continue
        if name in shared:
            if not re.fullmatch(IMPURE, name):
                continue
            wrong.append(f"supervisord/core needs {name}, which touches the world")
        elif re.fullmatch(STREAMS, name) or not re.fullmatch(LIBC, name):
            wrong.append(f"supervisord/core needs {name}, which is not on its list")
    return wrong


def check_includes():
    wrong = []
    for folder, allowed in ALLOWED.items():
        for name in sorted(os.listdir(folder)):
            if not name.endswith((".c", ".h", ".def")):
                continue
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as f:
                for number, line in enumerate(f, 1):
                    m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
                    if m and not m[1].startswith(tuple(allowed)):
                        wrong.append(f"{path}:{number}: may not include {m[1]}")
                    m = re.match(r"\s*#\s*include\s+<(ev|systemd/[^>]+|libev/[^>]+)\.h>", line)
                    if m and folder != "supervisord":
                        wrong.append(f"{path}:{number}: may not include <{m[1]}.h>")
                    m = re.match(r"\s*#\s*include\s+<(jansson|yaml)\.h>", line)
                    if m and (folder == "shim" or (m[1] == "yaml" and folder == "supervisord/core")):
                        wrong.append(f"{path}:{number}: may not include <{m[1]}.h>")
    return wrong


def main():
    wrong = check_includes() + check_symbols(sys.argv[1], sys.argv[2])
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
