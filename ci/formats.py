"""Makes every report format from recordings, validates each, and plants faults that must be found.

Called by ci/formats, which installs what it needs.
"""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from html.parser import HTMLParser
from os import environ
from pathlib import Path

import cmarkgfm
import jsonschema
from cmarkgfm.cmark import Options
from tap.parser import Parser as TapParser

SCHEMAS, OUT = Path(sys.argv[1]), Path(sys.argv[2])
RECORDINGS = [Path(path) for path in sys.argv[3:]]
SOCKSPEC = environ["SOCKSPEC"]

# What a terminal, XML, TAP, YAML, Markdown, HTML or GitHub would obey.
HOSTILE = (
    "\x1b[2J\x07\x00\ufeff\uffff\x85\u2028\u202e]]> \n::error::owned\r\n::set-output name=a::b # SKIP\n"
    "# TODO\nBail out! \\\nok 1 - fine\n  ...\n  ---\n```\n~~~\n````\n</details></code></summary>"
    "<script>alert(1)</script> <!-- \n\n# Heading\n| a | b |\n|--|--|\n**bold** _it_ ~~x~~ $x$ "
    "[a](https://evil.example) ![b](c) https://evil.example www.evil.example mail@evil.example @team #1 "
    ":+1: &lt; %0A%25 \" ' {a: b} - ]]>"
)


class Wrong(Exception):
    """A file is not valid; says why."""


def run(*command, ok=(0,), **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode not in ok:
        raise Wrong(f"{command[0]}: {(done.stdout + done.stderr).strip()[:800]}")
    return done.stdout


def expect(condition, text):
    if not condition:
        raise Wrong(text)


# JUnit


def parsed(path):
    """The root of a file, without the two attributes that are asked for and that neither schema has."""
    text = path.read_text()
    expect(not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\uffff]", text), "control characters")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise Wrong(f"no XML: {error}") from error
    for test in root.findall("testsuite/testcase"):
        file, line = test.attrib.pop("file", None), test.attrib.pop("line", None)
        expect(file is None or re.fullmatch("[1-9][0-9]*", line or ""), "a file without its line")
    return root


def jenkins(path):
    plain = path.with_suffix(".plain.xml")
    ElementTree.ElementTree(parsed(path)).write(plain, encoding="unicode")
    try:
        run("xmllint", "--noout", "--huge", "--schema", str(SCHEMAS / "junit-10.xsd"), str(plain))
    finally:
        plain.unlink()


def surefire(path):
    """Maven Surefire writes a file for each suite."""
    files = []
    for number, suite in enumerate(parsed(path).findall("testsuite")):
        files.append(path.with_suffix(f".suite-{number}.xml"))
        ElementTree.ElementTree(suite).write(files[-1], encoding="unicode")
    schema = str(SCHEMAS / "surefire-test-report.xsd")
    try:
        run("xmllint", "--noout", "--huge", "--schema", schema, *map(str, files))
    finally:
        for file in files:
            file.unlink()


def junit(path):
    """Gives how many tests there are, and how many fail."""
    jenkins(path)
    surefire(path)
    root = parsed(path)
    tests = root.findall("testsuite/testcase")
    fails = sum(test.find("failure") is not None or test.find("error") is not None for test in tests)
    counted = int(root.get("failures")) + int(root.get("errors"))
    expect((int(root.get("tests")), counted) == (len(tests), fails), "the root counts otherwise")
    return len(tests), fails


# TAP

TAP_PARSER = """
const { Parser } = require('tap-parser');
let extras = [];
const parser = new Parser({ strict: true }, results => {
    const errors = (results.failures ?? []).map(failure => failure.tapError).filter(error => error);
    console.log(JSON.stringify({ count: results.count, fails, errors, extras }));
});
let fails = 0;
parser.on('extra', extra => extras.push(extra));
parser.on('assert', point => {
    if (!point.ok && !point.todo && !point.skip) fails += 1;
    if (!point.ok && typeof point.diag?.message !== 'string') extras.push(`no block: ${point.name}`);
});
parser.end(require('fs').readFileSync(process.argv[1]));
"""


def tap_parser(path):
    """Gives how many test points there are, and how many fail."""
    found = json.loads(run("node", "-e", TAP_PARSER, str(path)))
    expect(not found["errors"] and not found["extras"], f"tap-parser: {found}")
    return found["count"], found["fails"]


def tap_py(path):
    """The same; behind an escaped `#`, which it does not know, it sees no TODO."""
    lines = list(TapParser().parse_file(str(path)))
    kinds = Counter(line.category for line in lines)
    expect(not kinds["unknown"], "tap.py: lines that are not TAP")
    points = [line for line in lines if line.category == "test"]
    expect(all(point.yaml_block for point in points if not point.ok), "tap.py: a block is missing")
    plans = [line.expected_tests for line in lines if line.category == "plan"]
    expect(plans == [len(points)] or kinds["bail"], f"tap.py: the plans {plans}")
    return len(points), sum(not point.ok and not point.todo for point in points)


def tap(path):
    """What both say."""
    (count, fails), (other_count, other_fails) = tap_parser(path), tap_py(path)
    # None may see a TODO that is none.
    same = other_fails >= fails if r"\#" in path.read_text() else other_fails == fails
    expect(count == other_count and same, f"tap.py: {other_count} points, {other_fails} fail")
    return count, fails


# JSON lines


def json_lines(path):
    """Gives how many lines there are."""
    schema = json.loads(run(SOCKSPEC, "schema"))
    validator_of = jsonschema.Draft202012Validator
    validator_of.check_schema(schema)
    validator = validator_of(schema, format_checker=validator_of.FORMAT_CHECKER)
    lines = path.read_text().split("\n")[:-1]
    for number, line in enumerate(lines, 1):
        for error in validator.iter_errors(json.loads(line)):
            raise Wrong(f"{path.name}:{number}: {error.message[:300]}")
    return len(lines)


# Markdown


class Page(HTMLParser):
    """The tags of a page, which must be those that the summary is made of, each closed."""

    TAGS = {
        "blockquote", "br", "code", "details", "h2", "h3", "li", "p", "b", "pre", "span", "strong",
        "summary", "table", "tbody", "td", "th", "thead", "tr", "ul",
    }  # fmt: skip

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], Counter()

    def handle_starttag(self, tag, attributes):
        expect(tag in self.TAGS, f"the tag {tag}")
        expect(all(name in ("align", "lang") for name, _ in attributes), f"attributes of {tag}")
        self.seen[tag] += 1
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        expect(self.open and self.open.pop() == tag, f"{tag} is closed out of turn")

    def handle_comment(self, _):
        raise Wrong("a comment")

    def handle_data(self, text):
        if not {"code", "pre"} & set(self.open):
            mention = re.search(r"[@#]\w", text)
            expect(not mention, f"a mention: {mention and mention[0]}")


def markdown(path):
    """Gives how many failures are folded."""
    text = path.read_text()
    expect(len(text.encode()) < 1 << 20, "1 MiB or more")
    options = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_GITHUB_PRE_LANG
    extensions = ["table", "autolink", "strikethrough", "tasklist"]
    page = Page()
    page.feed(cmarkgfm.cmark.markdown_to_html_with_extensions(text, options, extensions))
    page.close()
    expect(not page.open, f"{page.open} stay open")
    expect(page.seen["h2"] == text.count("\n## ") + text.startswith("## "), "a heading of its own")
    return page.seen["pre"]


# Annotations


def annotations(path):
    """Gives how many errors and how many warnings there are."""
    kinds = Counter()
    for line in path.read_text().split("\n")[:-1]:
        command = re.fullmatch("::(error|warning) ([^\r]*?)::([^\r]*)", line)
        expect(command, f"no command: {line[:100]}")
        properties = [part.partition("=") for part in command[2].split(",")]
        expect({name for name, _, _ in properties} <= {"file", "line", "col", "title"}, command[2])
        expect(not re.search("%(?!25|0A|0D|3A|2C)", line), f"a bare %: {line[:100]}")
        expect(not re.search("[\x00-\x1f\x7f-\x9f\u202e]", line), "control characters")
        kinds[command[1]] += 1
    expect(max(kinds.values(), default=0) <= 9, f"more than GitHub shows: {kinds}")
    return dict(kinds)


# HTML

HTML_RULES = {"extends": ["html-validate:standard"], "rules": {"long-title": "off"}}


def html(path):
    rules = OUT / "html-validate.json"
    rules.write_text(json.dumps(HTML_RULES))
    run("html-validate", "--config", str(rules), str(path))
    rules.unlink()
    return path.stat().st_size


FORMATS = {
    "junit.xml": ("--junit", junit),
    "run.tap": ("--tap", tap),
    "summary.md": ("--markdown", markdown),
    "report.html": ("--html", html),
}
if "--html" not in run(SOCKSPEC, "report", "--help"):
    print("html: left out, this sockspec does not write it")
    del FORMATS["report.html"]


def hostile(path):
    """A recording like that one, with hostile text in every place that is not a word of ours."""

    def case(id):
        scenario, _, variant = id.partition("[")
        return f"{scenario}{HOSTILE}[{variant[:-1]}{HOSTILE}]"

    lines = []
    for line in path.read_text().splitlines():
        event = json.loads(line)
        for key in {"subject", "subject_version", "suite", "sockspec", "path", "title", "reason"}:
            if isinstance(event.get(key), str):
                event[key] += HOSTILE
        match event["event"]:
            case "run-started":
                known = event.get("known") or {"file": "", "entries": []}
                known["file"] += HOSTILE
                for entry in known["entries"]:
                    entry["reason"] += HOSTILE
                    entry["source"] += HOSTILE
                    for pattern in entry.get("patterns", []):
                        pattern["text"] += HOSTILE
                    entry["cases"] = [case(id) for id in entry["cases"]]
            case "scenario-loaded":
                event["id"] += HOSTILE
                event["cite"] = [cite + HOSTILE for cite in event["cite"]]
                # Its lines stay where they are.
                text = re.sub("[\r\n\x85\u2028]", " ", HOSTILE)
                event["source"] = "".join(f"{line} {text}\n" for line in event["source"].splitlines())
            case "case-started":
                event["case"] = case(event["case"])
            case "case-finished":
                event["case"] = case(event["case"])
                event["scenario"] += HOSTILE
                for step in event["steps"]:
                    if step["judgement"]["judgement"] == "missed":
                        step["judgement"]["detail"] = HOSTILE
                        step["outcome"] = {"unsupported": {"why": HOSTILE}}
            case "run-finished":
                event["leaks"].append(HOSTILE)
        lines.append(json.dumps(event) + "\n")
    made = OUT / f"hostile-{path.name}"
    made.write_text("".join(lines))
    return made


def make(name, recordings):
    """Writes every format into a folder, validates each, and compares what they count."""
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    flags = [part for file, (flag, _) in FORMATS.items() for part in (flag, str(folder / file))]
    command = [SOCKSPEC, "report", *map(str, recordings), *flags, "--github"]
    said = run(*command, ok=(0, 1, 3, 5))
    (folder / "annotations").write_text(said)
    counts = {file: check(folder / file) for file, (_, check) in FORMATS.items()}
    counts["annotations"] = annotations(folder / "annotations")
    counts["recording"] = sum(json_lines(path) for path in recordings)
    expect(counts["junit.xml"] == counts["run.tap"], f"JUnit and TAP differ: {counts}")
    print(f"{name}: {counts}")
    return folder


# Planted faults: each is a change to a valid file that its validator must not take.


def replaced(old, new, count=1):
    def change(text):
        assert old in text, f"nothing to plant a fault in: {old}"
        return text.replace(old, new, count)

    return change


def changed_line(kind, change):
    """The first line of a kind, changed by a function of the event."""

    def changed(text):
        lines = text.split("\n")
        for number, line in enumerate(lines[:-1]):
            event = json.loads(line)
            if event["event"] == kind and change(event) is not False:
                lines[number] = json.dumps(event)
                return "\n".join(lines)
        raise AssertionError(f"no {kind} to plant a fault in")

    return changed


def with_steps(change):
    def changed(event):
        return change(event["steps"]) if event["steps"] else False

    return changed_line("case-finished", changed)


def with_packets(change):
    def changed(event):
        return change(event["packets"]["frames"]) if event.get("packets") else False

    return changed_line("case-finished", changed)


def set_to(key, value):
    def change(event):
        event[key] = value

    return change


def without(key):
    def change(event):
        del event[key]

    return change


def step_data(text):
    """The outcome of a step that received bytes, with another text of them."""

    def change(steps):
        for step in steps:
            if isinstance(step["outcome"], dict) and "data" in step["outcome"]:
                step["outcome"]["data"]["bytes"]["head"] = text
                return True
        return False

    return with_steps(change)


FAULTS = {
    "junit.xml": {
        "a test without a name": replaced("<testcase name=", "<testcase nom="),
        "a test without its time": lambda text: re.sub(r'(<testcase [^>]*?) time="[^"]*"', r"\1", text, count=1),
        "an attribute that the root has not": replaced("<testsuites ", '<testsuites skipped="1" '),
        "a failure without a type": lambda text: re.sub(r'(<failure [^>]*?) type="[^"]*"', r"\1", text, count=1),
        "an element of its own": replaced("</failure>", "</failure><note/>"),
        "text beside the stack trace": replaced("<stackTrace>", "text<stackTrace>"),
        "a bare <": replaced("&lt;", "<"),
        "a control character": replaced("FAIL", "\x1b[31mFAIL"),
        "a wrong count": lambda text: re.sub('failures="[0-9]+"', 'failures="0"', text, count=1),
        "a line that is no number": lambda text: re.sub(' line="[0-9]+"', ' line="x"', text, count=1),
    },
    "run.tap": {
        "a larger plan": lambda text: re.sub(r"^1\.\.", "1..9", text, count=1, flags=re.M),
        "a line between": replaced("\nnot ok", "\nhello\nnot ok"),
        "a number twice": replaced("ok 2 ", "ok 1 "),
        "a block that is no YAML": replaced('message: "', 'message: "" "'),
        "a block that does not end": replaced("\n  ...\n", "\n"),
        "no plan": lambda text: re.sub(r"^1\.\.[0-9]+\n", "", text, count=1, flags=re.M),
    },
    "summary.md": {
        "a script": replaced("### Failures\n", "### Failures\n\n<script>alert(1)</script>\n"),
        "a fence that is left": replaced("  again ", "```\n</details>\n  again "),
        "a link": lambda text: text + "\nwww.evil.example\n",
        "a mention": lambda text: text + "\n@team\n",
        "a fold that stays open": replaced("</details>", ""),
        "a heading": lambda text: text + "\nHeading\n---\n",
        "too much": lambda text: text + "x" * (1 << 20),
    },
    "annotations": {
        "text before the command": lambda text: "hello " + text,
        "a line break": replaced("%0A", "\n"),
        "a comma in a title": replaced(",title=", ",title=a,b"),
        "a property of its own": replaced(",title=", ",name=x,title="),
        "a bare %": replaced("::line", "::100% line"),
        "ten errors": lambda text: text + "::error title=x::y\n" * 10,
    },
    "recording": {
        "an unknown event": changed_line("case-started", set_to("event", "case-paused")),
        "another format": changed_line("run-started", set_to("format", 2)),
        "a missing verdict": changed_line("case-finished", without("verdict")),
        "an unknown verdict": changed_line("case-finished", set_to("verdict", "good")),
        "an iteration of 0": changed_line("case-finished", set_to("iteration", 0)),
        "a case that is a number": changed_line("case-started", set_to("case", 7)),
        "a time that is a number": changed_line("case-finished", set_to("took", 1.5)),
        "a time with too many nanoseconds": changed_line(
            "case-finished", set_to("took", {"secs": 0, "nanos": 1_000_000_000})
        ),
        "an unknown errno": with_steps(
            lambda steps: steps[-1].update(outcome={"failed": {"errno": "EWHAT", "signal": None}})
        ),
        "an unknown outcome": with_steps(lambda steps: steps[0].update(outcome={"good": 1})),
        "two outcomes at once": with_steps(
            lambda steps: steps[0].update(outcome={"count": 1, "ready": 1})
        ),
        "a flag of poll that does not exist": with_steps(
            lambda steps: steps[0].update(outcome={"ready": 128})
        ),
        "an unknown option's state": with_steps(
            lambda steps: steps[0].update(outcome={"value": {"state": "OPEN"}})
        ),
        "a place in line 0": with_steps(
            lambda steps: steps[0].update(place={"line": 0, "column": 1, "length": 1})
        ),
        "bytes that are not escaped": step_data("caf\u00e9"),
        "bytes with an escape that does not exist": step_data("a\\q"),
        "packets that are no base64": with_packets(lambda frames: frames[0].update(bytes="A===")),
        "a negative length": with_packets(lambda frames: frames[0].update(length=-1)),
        "a date that does not exist": changed_line(
            "run-started", lambda event: event["known"]["entries"][1].update(until="2027-13-41")
        ),
        "an end without its leaks": changed_line("run-finished", without("leaks")),
    },
    "report.html": {
        "an element that is not closed": replaced("</head>", "<b></head>"),
        "an attribute twice": replaced("<html ", '<html lang="en" lang="de" '),
    },
}


# Which validator finds a fault where there are two of a format; the rest is found by all together.
ALONE = {
    "Jenkins": ("junit.xml", jenkins, ["an attribute that the root has not", "an element of its own"]),
    "Surefire": ("junit.xml", surefire, ["a test without its time", "text beside the stack trace"]),
    "tap-parser": ("run.tap", tap_parser, ["a number twice", "a line between", "no plan"]),
    "tap.py": ("run.tap", tap_py, ["a larger plan", "a block that is no YAML", "a line between"]),
}


def plant(folder, recording):
    """Fails unless every planted fault is found."""
    checks = {file: (file, check, list(FAULTS[file])) for file, (_, check) in FORMATS.items()}
    for file, check in [("annotations", annotations), ("recording", json_lines)]:
        checks[file] = (file, check, list(FAULTS[file]))
    for name, (file, check, faults) in (checks | ALONE).items():
        original = recording if file == "recording" else folder / file
        before = original.read_text()
        for fault in faults:
            after = FAULTS[file][fault](before)
            assert after != before, f"{file}: {fault} changes nothing"
            planted = folder / f"planted{original.suffix or '.txt'}"
            planted.write_text(after)
            try:
                check(planted)
            except Wrong:
                planted.unlink()
            else:
                sys.exit(f"formats: {name}: {fault} is not found")
        print(f"{name}: {len(faults)} planted faults are found")


def main():
    first, second, *real = RECORDINGS
    try:
        folder = make("every-standing", [first])
        make("two-subjects", [first, second])
        make("hostile", [hostile(first), hostile(second)])
        for recording in real:
            make(f"run-{recording.stem}", [recording])
    except Wrong as error:
        sys.exit(f"formats: {error}")
    plant(folder, first)


main()
