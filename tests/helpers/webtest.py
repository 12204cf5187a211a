"""webtest: what the tests of servers that answer requests share: a request, a program for Node.js, nginx with all
that it needs below HOME."""

import http.client
import os
import shutil

from svcdtest import SLOW, SvcdTest

NODE = """
    const http = require("http");
    const server = http.createServer((q, a) => {
      if (q.url === "/crash") { setTimeout(() => { throw new Error("asked to crash"); }, 1); }
      a.end("node " + process.pid + " " + process.env.SVCD_SERVICE);
    });
    server.listen(process.env.PORT, "127.0.0.1", () => console.log("listening"));
    process.on("SIGTERM", () => { console.log("draining"); server.close(() => process.exit(0)); });
"""


class Web(SvcdTest):
    limit = 90

    def get(self, port, path="/"):
        """The body, or None."""
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=20 * SLOW)
        try:
            c.request("GET", path)
            return c.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            c.close()

    def node(self):
        if not shutil.which("node"):
            self.skipTest("node is not installed")
        self.write("app.js", NODE)
        return f"{shutil.which('node')} app.js"

    def nginx(self, port, upstream=None):
        """A configuration that has all it needs below HOME."""
        if not shutil.which("nginx"):
            self.skipTest("nginx is not installed")
        os.makedirs(os.path.join(self.home, "www"), exist_ok=True)
        self.write("www/index.html", "static", 0o644)
        temps = "".join(f"{k}_temp_path {self.home}/tmp;" for k in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        what = f"proxy_pass http://127.0.0.1:{upstream};" if upstream else f"root {self.home}/www;"
        conf = self.write("nginx.conf", f"""
            {"user root;" if os.getuid() == 0 else ""}
            pid {self.home}/nginx.pid;
            worker_processes 2;
            error_log stderr;
            events {{}}
            http {{
                access_log off;
                {temps}
                server {{ listen 127.0.0.1:{port}; location / {{ {what} }} }}
            }}
        """)
        return f"nginx -e stderr -c {conf} -g 'daemon off;'"
