//! Several subjects in one run: what becomes of one concerns no other, every report tells of all of them,
//! and a run that is asked to end, or killed, leaves nothing behind.

#[path = "program/child.rs"]
mod child;
#[path = "program/skip.rs"]
mod skip;

use std::fs;
use std::io::{self, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use child::finish;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use skip::skip;
use sockspec::report::recording::read;
use sockspec::run::event::Event;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sockspec");
const CASE: &str = "halfclose/eof-after-all-data[unix,loopback]";

/// A folder with programs that stand for those that the manifests start, each an agent of its own kind.
struct Fakes {
    folder: tempfile::TempDir,
}

impl Fakes {
    /// The programs by their names, each with what it does instead of its work; nothing is a good agent.
    fn new(programs: &[(&str, &str)]) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::create_dir(folder.path().join("bin"))?;
        for (program, fault) in programs {
            let path = folder.path().join("bin").join(program);
            let root = env!("CARGO_MANIFEST_DIR");
            let agent = format!("{PROGRAM} agent");
            let text = match *fault {
                "" => format!("#!/bin/sh\nexec {agent}\n"),
                fault => format!(
                    "#!/bin/sh\nexec python3 {root}/tests/agents/misbehaving.py {fault} {agent}\n"
                ),
            };
            fs::write(&path, text)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { folder })
    }

    /// A run with these programs before all others.
    fn command(&self, arguments: &[&str]) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(PROGRAM);
        command
            .arg("run")
            .args(arguments)
            .args(["--deadline", "300ms", "--expectations", "none", "--peer", "self"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("PATH", format!("{}:{path}", self.file("bin").display()))
            .env("XDG_CACHE_HOME", self.file("cache"))
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_default()
    }
}

/// Whether this machine has Python; says that a test is skipped where it has not.
fn has_python(test: &str) -> bool {
    let started = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    let is_there = started.is_ok_and(|status| status.success());
    if !is_there {
        skip(test, "python3 cannot be started");
    }
    is_there
}

fn events(path: &Path) -> Vec<Event> {
    let file = fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    read(BufReader::new(file)).map_while(Result::ok).collect()
}

#[test]
fn what_becomes_of_one_concerns_no_other() -> io::Result<()> {
    if !has_python("what_becomes_of_one_concerns_no_other") {
        return Ok(());
    }
    let faults = [("node", "dies-before-hello"), ("bun", "never-answers"), ("deno", "")];
    let fakes = Fakes::new(&faults)?;
    let names = ["junit", "html", "tap", "markdown", "matrix"];
    let paths = names.map(|name| fakes.file(name).display().to_string());
    let record = fakes.file("record").display().to_string();
    let mut arguments = vec![CASE, "--subject", "node,node-bun", "--subject", "node-deno"];
    let options = names.map(|name| format!("--{name}"));
    for (option, path) in options.iter().zip(&paths) {
        arguments.extend([option.as_str(), path.as_str()]);
    }
    arguments.extend(["--record", &record]);
    let output = finish(&mut fakes.command(&arguments));
    let out = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "one hangs: {out}{error}");
    assert!(error.contains("no sockets here"), "why it did not start is told: {error}");
    for heading in
        ["=== node (1 of 3) ===", "=== node-bun (2 of 3) ===", "=== node-deno (3 of 3) ==="]
    {
        assert!(out.contains(heading), "{out}");
    }
    let rows: Vec<Vec<&str>> =
        out.lines().rev().take(3).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[2][..4], ["node", "0", "0", "0"], "{out}");
    assert_eq!((rows[2].last(), rows[1][3]), (Some(&"incomplete"), "1"), "{out}");
    assert_eq!(rows[0][..4], ["node-deno", "1", "0", "0"], "{out}");
    // The fakes say that they are the kernel, but for the one that says nothing.
    for (name, marks) in [
        ("junit", ["node", "kernel Linux"]),
        ("html", ["incomplete", "0 of 1 case"]),
        ("tap", ["node", "cut short"]),
        ("markdown", ["<code>node</code>", "cut short"]),
        ("matrix", ["| node (incomplete) |", "nothing&#58; it hung"]),
    ] {
        let text = fakes.text(name);
        assert!(marks.iter().all(|mark| text.contains(mark)), "{name}: {marks:?} in {text}");
    }
    for (name, cases) in [("node", 0), ("node-bun", 1), ("node-deno", 1)] {
        let events = events(&fakes.file("record").join(format!("{name}.jsonl")));
        assert!(matches!(events.first(), Some(Event::RunStarted(_))), "{name}: {events:?}");
        let ended = events.iter().filter(|event| matches!(event, Event::CaseFinished(_))).count();
        assert_eq!(ended, cases, "{name}");
    }
    Ok(())
}

#[test]
fn what_is_missing_is_named_with_what_installs_it() -> io::Result<()> {
    let fakes = Fakes::new(&[("deno", "")])?;
    let mut command = fakes.command(&[CASE, "--subject", "node-bun,node-deno"]);
    command.env("PATH", fakes.file("bin"));
    let output = finish(&mut command);
    let (out, error) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(3), "{out}{error}");
    let why = "needs bun: apt-get install nodejs && npm install --global bun";
    let why = if error.contains(why) { why } else { "needs bun: npm install --global bun" };
    assert!(error.contains(&format!("error: the subject node-bun {why}")), "{error}");
    assert!(out.contains(&format!("skipped: {why}\n")), "{out}");
    assert!(out.lines().last().is_some_and(|line| line.contains("node-deno")), "{out}");
    Ok(())
}

#[test]
fn all_that_there_are_are_run_and_what_is_missing_is_no_failure() -> io::Result<()> {
    let fakes = Fakes::new(&[("deno", "")])?;
    let mut command = fakes.command(&[CASE, "--all-subjects"]);
    command.env("PATH", fakes.file("bin"));
    let output = finish(&mut command);
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}{}", String::from_utf8_lossy(&output.stderr));
    let row = |name: &str| {
        let row = out.lines().rev().find(|line| line.split_whitespace().next() == Some(name));
        row.unwrap_or_default().split_whitespace().nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(
        ["kernel", "node-deno", "go", "gvisor"].map(row),
        ["1", "1", "skipped:", "skipped:"]
    );
    Ok(())
}

#[test]
fn subjects_and_peers_that_cannot_be_are_a_mistake() -> io::Result<()> {
    let fakes = Fakes::new(&[])?;
    for (arguments, said) in [
        (&["--subject", "kernel,kernl"][..], "there is no subject `kernl`; did you mean `kernel`?"),
        (&["--subject", "kernel,kernel"], "the subject `kernel` is named twice"),
        (&["--subject", "kernel,go", "--", "agent"], "a command behind `--` is one subject"),
        (&["--subject", "kernel", "--all-subjects"], "cannot be used with"),
        (&["--subject", "gvisor", "--peer", "kernel"], "gvisor cannot have the peer `kernel`"),
        (&["--subject", "kernel,gvisor", "--peer", "kernel-first"], "nobody outside reaches"),
        (&["--subject", "kernel,go", "--record", "Cargo.toml"], "Cargo.toml cannot be made"),
    ] {
        let mut command = Command::new(PROGRAM);
        command.args(["run", CASE]).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = finish(command.env("XDG_CACHE_HOME", fakes.file("cache")));
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(output.stdout.is_empty() && error.contains(said), "{said}: {error}");
    }
    Ok(())
}

/// A run of two subjects that lasts until somebody ends it, with a step that a signal has shown to be
/// pending.
struct Lasting {
    fakes: Fakes,
    child: Child,
}

impl Lasting {
    fn start() -> io::Result<Self> {
        let fakes = Fakes::new(&[("deno", "")])?;
        let record = fakes.file("record").display().to_string();
        let matrix = fakes.file("matrix").display().to_string();
        let suite = fakes.file("suite").display().to_string();
        fs::create_dir(&suite)?;
        let long = "\"it lasts\"\nover unix\npair client.c server.s\n\n\
                    client  recv c 16  => blocked for 3600s\n";
        fs::write(fakes.file("suite/long.scn"), long)?;
        let arguments =
            [&suite, "--subject", "node-deno,kernel", "--record", &record, "--matrix", &matrix];
        let mut command = fakes.command(&arguments);
        command.stdin(Stdio::null()).stdout(fs::File::create(fakes.file("out"))?);
        // Of a group of its own: one whose leader's parent is gone, as a pipeline's can be, is not stopped.
        command.process_group(0);
        let child = command.stderr(fs::File::create(fakes.file("error"))?).spawn()?;
        let lasting = Self { fakes, child };
        wait_until("a run has begun", || lasting.fakes.text("out").contains("=== node-deno"));
        wait_until("the call is pending", || {
            kill(lasting.id(), Signal::SIGUSR1).expect("the run lasts");
            lasting.fakes.text("error").contains("pending: 1 step\n")
        });
        Ok(lasting)
    }

    fn id(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("a process id fits"))
    }

    /// How it ended, which it has to within a minute.
    fn wait(&mut self) -> io::Result<ExitStatus> {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            assert!(Instant::now() < deadline, "it has not ended within a minute");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// The processes that have this run's cache in their environment: whatever it started.
    fn processes(&self) -> Vec<String> {
        let mark = self.fakes.file("cache").display().to_string();
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        let own = all.filter(|entry| {
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            String::from_utf8_lossy(&environment).contains(&mark)
        });
        own.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }
}

impl Lasting {
    /// How many of its processes are stopped.
    fn stopped(&self) -> usize {
        let is_stopped = |process: &String| {
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T'))
        };
        self.processes().iter().filter(|process| is_stopped(process)).count()
    }
}

impl Drop for Lasting {
    fn drop(&mut self) {
        // It may have ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn the_run_under_way_ends_with_its_report_and_no_further_one_begins() -> io::Result<()> {
    let mut lasting = Lasting::start()?;
    kill(lasting.id(), Signal::SIGTERM)?;
    assert_eq!(lasting.wait()?.code(), Some(3), "{}", lasting.fakes.text("error"));
    let out = lasting.fakes.text("out");
    assert!(out.contains("\ncut short: ") && !out.contains("=== kernel"), "{out}");
    assert!(
        out.lines()
            .last()
            .is_some_and(|line| line.starts_with("kernel") && line.ends_with("not begun")),
        "{out}"
    );
    let ended = events(&lasting.fakes.file("record/node-deno.jsonl"));
    assert!(matches!(ended.last(), Some(Event::RunFinished(end)) if end.cut_short), "{ended:?}");
    assert!(!lasting.fakes.file("record/kernel.jsonl").exists());
    let matrix = lasting.fakes.text("matrix");
    assert_eq!(matrix.matches(" (incomplete) |").count(), 2, "{matrix}");
    wait_until("nothing is left", || lasting.processes().is_empty());
    Ok(())
}

#[test]
fn the_run_under_way_is_stopped_and_goes_on_with_it() -> io::Result<()> {
    let mut lasting = Lasting::start()?;
    kill(lasting.id(), Signal::SIGTSTP)?;
    wait_until("both are stopped", || lasting.stopped() == 2);
    kill(lasting.id(), Signal::SIGCONT)?;
    wait_until("both go on", || lasting.stopped() == 0);
    kill(lasting.id(), Signal::SIGTERM)?;
    assert_eq!(lasting.wait()?.code(), Some(3), "{}", lasting.fakes.text("error"));
    Ok(())
}

#[test]
fn nothing_is_left_of_it_when_it_is_killed() -> io::Result<()> {
    let mut lasting = Lasting::start()?;
    assert!(lasting.processes().len() > 3, "the run, its guard, the agent and its guard");
    lasting.child.kill()?;
    lasting.wait()?;
    wait_until("nothing is left", || lasting.processes().is_empty());
    Ok(())
}
