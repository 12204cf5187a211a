"""A service that was disabled by failures runs again when its program has changed: however the new one gets
there, and not for anything else."""

import os
import unittest

from svcdtest import PYTHON, SvcdTest, at_rest

RESTART = "restart: {delay: 10ms, max_failures: 2}"


class Executable(SvcdTest):
    def crash(self, command, more=""):
        """A service that is disabled by failures; svcd rests."""
        self.config(f"services: {{a: {{command: {command}, {RESTART}{more}}}}}\n")
        self.start()
        self.disabled()

    def disabled(self):
        s = self.in_state("a", "disabled")
        self.assertEqual(s["disabled_cause"], "failures")
        return s["run"]

    def runs(self):
        self.running("a", limit=30)
        self.logged("a", " svcd enabled by=executable")

    def put(self, name, works, mode=0o700):
        """A program, or its successor, in the place of what was there, by renaming."""
        text = "#!/bin/sh\n" + ("exec sleep 1000\n" if works else "exit 3\n")
        path = self.write(name + ".new", text, mode)
        os.rename(path, path[:-len(".new")])
        return path[:-len(".new")]

    def put_script(self, name, works):
        path = self.write(name + ".new", "import time\ntime.sleep(1000)\n" if works else "import nothing_like_it\n")
        os.rename(path, path[:-len(".new")])

    def test_replaced(self):
        path = self.put("bin/p", False)
        self.crash(path)
        self.put("bin/p", True)
        self.runs()

    def test_a_script_of_an_interpreter(self):
        self.put_script("app/app.py", False)
        self.crash(f"{PYTHON} app.py --port 1", ", working_directory: app")
        self.put_script("app/app.py", True)
        self.runs()

    def test_a_link_that_is_turned(self):
        self.put("releases/1/bin/p", False)
        self.put("releases/2/bin/p", True)
        os.symlink("releases/1", os.path.join(self.home, "current"))
        self.crash("current/bin/p")
        os.symlink("releases/2", os.path.join(self.home, "next"))
        os.rename(os.path.join(self.home, "next"), os.path.join(self.home, "current"))
        self.runs()

    def test_replaced_behind_links(self):
        """A link to a folder, and in there one to the program, which is somewhere else."""
        self.put("store/p-1", False)
        os.makedirs(os.path.join(self.home, "releases/1"))
        os.symlink("../../store/p-1", os.path.join(self.home, "releases/1/p"))
        os.symlink(os.path.join(self.home, "releases/1"), os.path.join(self.home, "current"))
        self.crash("current/p")
        self.put("store/p-1", True)
        self.runs()

    def test_a_link_that_is_turned_while_svcd_is_away(self):
        self.put("releases/2/bin/p", True)
        self.put("releases/1/bin/p", False)
        os.symlink("releases/1", os.path.join(self.home, "current"))
        self.crash("current/bin/p")
        self.end_svcd()
        os.unlink(os.path.join(self.home, "current"))
        os.symlink("releases/2", os.path.join(self.home, "current"))
        self.start()
        self.runs()

    def test_a_folder_that_is_exchanged(self):
        self.put("app/bin/p", False)
        self.put("app.new/bin/p", True)
        self.crash("app/bin/p")
        os.rename(os.path.join(self.home, "app"), os.path.join(self.home, "app.old"))
        os.rename(os.path.join(self.home, "app.new"), os.path.join(self.home, "app"))
        self.runs()

    def test_a_folder_that_is_not_there_yet(self):
        self.crash("app/bin/p")
        self.put("app/bin/p", True)
        self.runs()

    def test_a_folder_that_is_removed_and_made_again(self):
        path = self.put("app/bin/p", False)
        self.crash("app/bin/p")
        os.unlink(path)
        os.removedirs(os.path.dirname(path))
        self.put("app/bin/p", True)
        self.runs()

    def test_a_program_that_is_in_no_folder_of_path_yet(self):
        self.config(f"environment: {{PATH: \"{self.home}/one:{self.home}/two:/usr/bin:/bin\"}}\n"
                    f"services: {{a: {{command: the-server, {RESTART}}}}}\n")
        self.start()
        self.disabled()
        self.put("two/the-server", True)
        self.runs()

    def test_made_executable(self):
        path = self.put("p", True, mode=0o600)
        self.crash(path)
        os.chmod(path, 0o700)
        self.runs()

    def test_one_that_is_still_being_written_is_not_tried(self):
        os.makedirs(os.path.join(self.home, "bin"))
        self.crash("bin/p")
        run = self.service("a")["run"]
        fd = os.open(os.path.join(self.home, "bin/p"), os.O_WRONLY | os.O_CREAT, 0o700)
        os.write(fd, b"#!/bin/sh\n")
        with at_rest(self, self.svcd.pid, seconds=0.3):
            pass
        self.assertEqual(self.disabled(), run)
        os.write(fd, b"exec sleep 1000\n")
        os.close(fd)
        self.runs()
        self.assertEqual(self.service("a")["run"], run + 1)

    def test_nothing_else_starts_it(self):
        path = self.put("app/bin/p", False)
        os.symlink("app", os.path.join(self.home, "current"))
        self.crash("current/bin/p")
        run = self.disabled()
        self.put("app/bin/other", True)
        self.write("app/data", "x")
        os.makedirs(os.path.join(self.home, "app2/bin"))
        with open(path) as f:
            f.read()
        os.rename(os.path.join(self.home, "app/data"), os.path.join(self.home, "app/bin/data"))
        with at_rest(self, self.svcd.pid, seconds=0.3):
            pass
        self.assertEqual(self.disabled(), run)

    def test_watches_are_there_only_while_they_are_needed(self):
        path = self.put("bin/p", False)
        self.crash(path)

        def watches():
            found = 0
            for fd in os.listdir(f"/proc/{self.svcd.pid}/fdinfo"):
                try:
                    with open(f"/proc/{self.svcd.pid}/fdinfo/{fd}") as f:
                        found += f.read().count("inotify wd:")
                except FileNotFoundError:
                    pass
            return found
        self.until(lambda: watches() > 3, what="watches")
        self.svcctl("stop", "a")
        self.until(lambda: watches() == 3, what="only the places of svcd itself")
        self.svcctl("start", "a", "--no-wait")
        self.disabled()
        self.until(lambda: watches() > 3, what="watches")
        self.put("bin/p", True)
        self.runs()
        self.until(lambda: watches() == 3, what="no watches")


if __name__ == "__main__":
    unittest.main()
