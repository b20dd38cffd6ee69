"""Writes the scripts that stand in steps of workflows and actions to files; ci/lint calls it."""

import pathlib
import sys

from ruamel.yaml import YAML

folder, *paths = sys.argv[1:]
for path in paths:
    whole = YAML(typ="safe").load(pathlib.Path(path).read_text())
    jobs = whole["jobs"] if "jobs" in whole else {"steps": whole["runs"]}
    for job, content in jobs.items():
        for position, step in enumerate(content.get("steps", []), 1):
            if "run" not in step:
                continue
            name = f"{path.replace('/', '-')}.{job}.{position}.sh"
            # As GitHub's runners start them. What `${{ }}` stands for is unknown here.
            head = "#!/usr/bin/env bash\nset -eo pipefail\n"
            pathlib.Path(folder, name).write_text(head + step["run"].replace("${{", "${EXPRESSION:-"))
