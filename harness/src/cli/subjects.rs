use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, iter};

use clap::Args;
use include_dir::{Dir, include_dir};

use super::exit::Exit;
use super::output::{complain, print};
use super::proxies::{PREFIX, listed, proxies};
use crate::report::Printable;
use crate::scenario::nearest;
use crate::subject::agent::{Manifest, Packages};

/// The agents as they were when the program was built.
static AGENTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/agents");

/// The kernel of this machine, which needs no agent.
pub(super) const KERNEL: &str = "kernel";

/// List the subjects and the proxies, whether they can be run here, and how those are installed that cannot.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only the names of those that can be run here, one a line.
    #[arg(long, conflicts_with = "names")]
    ready: bool,

    /// Only the names of all, one a line.
    #[arg(long)]
    names: bool,
}

pub(super) fn subjects(arguments: &Arguments) -> io::Result<Exit> {
    let manifests = match manifests() {
        Ok(manifests) => manifests,
        Err(exit) => return Ok(exit),
    };
    let proxies = match proxies() {
        Ok(proxies) => proxies,
        Err(exit) => return Ok(exit),
    };
    let mut text = String::new();
    let width = manifests.iter().map(|one| one.name.len()).max().unwrap_or(0);
    // Writing to a string cannot fail, here and below.
    if arguments.ready || arguments.names {
        let ready = manifests.iter().filter(|one| arguments.names || missing(one).is_empty());
        for name in iter::once(KERNEL).chain(ready.map(|one| one.name.as_str())) {
            let _ = writeln!(text, "{name}");
        }
        for proxy in &proxies {
            if arguments.names || lacking(&proxy.needs, &proxy.check).is_empty() {
                let _ = writeln!(text, "{PREFIX}{}", proxy.name);
            }
        }
        print(&text)?;
        return Ok(Exit::Good);
    }
    let _ = writeln!(
        text,
        "{KERNEL:width$}  ready    the sockets of this machine's kernel, in process"
    );
    for manifest in &manifests {
        let missing = missing(manifest);
        let state = if missing.is_empty() { "ready  " } else { "missing" };
        let heavy = if manifest.is_heavy { " (heavy)" } else { "" };
        let about = Printable(&manifest.about);
        let _ = writeln!(text, "{:width$}  {state}  {about}{heavy}", manifest.name);
        if !missing.is_empty() {
            let _ = writeln!(
                text,
                "{:width$}           needs {}: {}",
                "",
                missing.join(", "),
                install(manifest)
            );
        }
    }
    text.push_str(&listed(&proxies));
    print(&text)?;
    Ok(Exit::Good)
}

/// Every manifest, sorted by name.
pub(super) fn manifests() -> Result<Vec<Manifest>, Exit> {
    let mut all = Vec::new();
    for folder in AGENTS.dirs() {
        let name = folder.path().display().to_string();
        let Some(file) = folder.get_file(folder.path().join("subject.toml")) else { continue };
        let text = file.contents_utf8().unwrap_or_default();
        match Manifest::read(&name, text) {
            Ok(manifests) => all.extend(manifests),
            Err(error) => {
                complain(&format!("error: {error}\n"));
                return Err(Exit::Usage);
            }
        }
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

/// The manifest of a name; what is near is said where there is none.
pub(super) fn manifest(name: &str) -> Result<Manifest, Exit> {
    let all = manifests()?;
    if let Some(found) = all.iter().find(|one| one.name == name) {
        return Ok(found.clone());
    }
    let names = iter::once(KERNEL).chain(all.iter().map(|one| one.name.as_str()));
    let hint = match nearest(name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`sockspec subjects` lists them".to_owned(),
    };
    complain(&format!("error: there is no subject `{name}`; {hint}\n"));
    Err(Exit::Usage)
}

/// What a subject needs and is not there.
pub(super) fn missing(manifest: &Manifest) -> Vec<&str> {
    lacking(&manifest.needs, &manifest.check)
}

/// Which of these programs are not there; if all are, what a command that fails was to find.
pub(super) fn lacking<'a>(needs: &'a [String], check: &'a [String]) -> Vec<&'a str> {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_there = |program: &str| env::split_paths(&path).any(|at| at.join(program).is_file());
    let mut missing: Vec<&str> =
        needs.iter().map(String::as_str).filter(|program| !is_there(program)).collect();
    if let ([program, arguments @ ..], true) = (check, missing.is_empty()) {
        let mut check = Command::new(program);
        check.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if !check.status().is_ok_and(|status| status.success()) {
            missing.extend(arguments.last().map(String::as_str));
        }
    }
    missing
}

/// The command that installs what a subject needs.
pub(super) fn install(manifest: &Manifest) -> String {
    install_packages(&manifest.packages)
}

/// The command that installs packages.
pub(super) fn install_packages(packages: &Packages) -> String {
    let commands = [
        ("apt-get install", &packages.debian),
        ("pip install", &packages.pypi),
        ("npm install --global", &packages.npm),
        ("cargo install", &packages.crates),
    ];
    let commands = commands.iter().filter(|(_, names)| !names.is_empty());
    let commands: Vec<_> =
        commands.map(|(command, names)| format!("{command} {}", names.join(" "))).collect();
    if commands.is_empty() { "no package is known".to_owned() } else { commands.join(" && ") }
}

/// Makes a subject ready: its files lie in a folder, and it is built. Gives the command that starts it.
pub(super) fn prepared(manifest: &Manifest) -> Result<Vec<String>, Exit> {
    let missing = missing(manifest);
    if !missing.is_empty() {
        complain(&format!(
            "error: the subject {} needs {}, not installed here: {}\n",
            manifest.name,
            missing.join(", "),
            install(manifest)
        ));
        return Err(Exit::Broken);
    }
    let agents = cache();
    let folder = agents.join(&manifest.folder);
    let out = folder.join("out");
    fs::create_dir_all(&out).map_err(|error| failed(&out, &error))?;
    lay_out(&AGENTS, &agents)?;
    let fill = |word: &String| {
        word.replace("{dir}", &folder.display().to_string())
            .replace("{agents}", &agents.display().to_string())
            .replace("{out}", &out.display().to_string())
    };
    let built = out.join(format!("{}.built", manifest.name));
    // One may be built from the files of another, and the files of all are laid out with the first.
    let source = digest(&AGENTS, &manifest.build);
    if !fs::read_to_string(&built).is_ok_and(|there| there == source) {
        let what = format!("the subject {} cannot be built", manifest.name);
        for command in &manifest.build {
            build(&what, &command.iter().map(fill).collect::<Vec<_>>(), &folder)?;
        }
        fs::write(&built, source).map_err(|error| failed(&built, &error))?;
    }
    Ok(manifest.start.iter().map(fill).collect())
}

/// What tells whether something was made by other commands, or of other files.
pub(super) fn digest(files: &Dir<'_>, commands: &[Vec<String>]) -> String {
    let mut hasher = DefaultHasher::new();
    commands.hash(&mut hasher);
    for file in files.dirs().flat_map(Dir::files) {
        (file.path(), file.contents()).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// Writes the files of a built-in folder where they are to lie.
pub(super) fn lay_out(files: &Dir<'_>, root: &Path) -> Result<(), Exit> {
    for file in files.dirs().flat_map(Dir::files) {
        let path = root.join(file.path());
        if fs::read(&path).is_ok_and(|there| there == file.contents()) {
            continue;
        }
        let above = path.parent().unwrap_or(root);
        fs::create_dir_all(above)
            .and_then(|()| fs::write(&path, file.contents()))
            .map_err(|error| failed(&path, &error))?;
    }
    Ok(())
}

/// Says that a file or a folder cannot be written.
pub(super) fn failed(what: &Path, error: &io::Error) -> Exit {
    complain(&format!("error: {} cannot be written: {error}\n", what.display()));
    Exit::Broken
}

/// Runs a command that has to succeed; `what` is said where it does not.
pub(super) fn build(what: &str, command: &[String], folder: &Path) -> Result<(), Exit> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let ended = Command::new(program).args(arguments).current_dir(folder).output();
    let why = match ended {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    complain(&format!("error: {what}: {}:\n{}\n", command.join(" "), why.trim_end()));
    Err(Exit::Broken)
}

/// Where agents and proxies lie and are built, for this version of the program and this user.
pub(super) fn cache() -> PathBuf {
    let home = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cache")));
    let home = home.unwrap_or_else(env::temp_dir);
    home.join("sockspec").join(env!("CARGO_PKG_VERSION"))
}
