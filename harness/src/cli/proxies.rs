use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use include_dir::{Dir, File, include_dir};

use super::exit::Exit;
use super::output::complain;
use super::subject::guard;
use super::subjects::{build, cache, digest, failed, install_packages, lacking, lay_out};
use crate::report::Printable;
use crate::scenario::nearest;
use crate::subject::via::{ProxyManifest, ProxyStart};

/// The proxies as they were when the program was built.
static PROXIES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/proxies");

/// What stands before the name of a proxy in the name of a subject.
pub(super) const PREFIX: &str = "via-";

/// Every manifest, sorted by name.
pub(super) fn proxies() -> Result<Vec<ProxyManifest>, Exit> {
    let mut all = Vec::new();
    for folder in PROXIES.dirs() {
        let name = folder.path().display().to_string();
        let Some(file) = folder.get_file(folder.path().join("proxy.toml")) else { continue };
        match ProxyManifest::read(&name, file.contents_utf8().unwrap_or_default()) {
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
pub(super) fn proxy(name: &str) -> Result<ProxyManifest, Exit> {
    let all = proxies()?;
    if let Some(found) = all.iter().find(|one| one.name == name) {
        return Ok(found.clone());
    }
    let hint = match nearest(name, all.iter().map(|one| one.name.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`sockspec subjects` lists them".to_owned(),
    };
    complain(&format!("error: there is no proxy `{name}`; {hint}\n"));
    Err(Exit::Usage)
}

/// What `sockspec subjects` says of the proxies.
pub(super) fn listed(all: &[ProxyManifest]) -> String {
    let width = all.iter().map(|one| one.name.len()).max().unwrap_or(0);
    // Writing to a string cannot fail.
    let mut text = "\nfor `--via NAME`, a proxy between the actors:\n".to_owned();
    for manifest in all {
        let missing = lacking(&manifest.needs, &manifest.check);
        let state = if missing.is_empty() { "ready  " } else { "missing" };
        let _ = writeln!(text, "{:width$}  {state}  {}", manifest.name, Printable(&manifest.about));
        if !missing.is_empty() {
            let install = install_packages(&manifest.packages);
            let _ =
                writeln!(text, "{:width$}           needs {}: {install}", "", missing.join(", "));
        }
    }
    text
}

/// Makes a proxy ready: its files lie in a folder, and it is prepared. Gives how it is started, and its
/// version.
pub(super) fn prepared(
    manifest: &ProxyManifest,
    patience: Option<Duration>,
) -> Result<(ProxyStart, String), Exit> {
    let missing = lacking(&manifest.needs, &manifest.check);
    if !missing.is_empty() {
        complain(&format!(
            "error: the proxy {} needs {}, not installed here: {}\n",
            manifest.name,
            missing.join(", "),
            install_packages(&manifest.packages)
        ));
        return Err(Exit::Broken);
    }
    let proxies = cache().join("proxies");
    let folder = proxies.join(&manifest.folder);
    let out = folder.join("out");
    fs::create_dir_all(&out).map_err(|error| failed(&out, &error))?;
    lay_out(&PROXIES, &proxies)?;
    let mut words: Vec<(String, String)> =
        manifest.words.iter().map(|(word, value)| (word.clone(), value.clone())).collect();
    words.push(("dir".to_owned(), folder.display().to_string()));
    words.push(("out".to_owned(), out.display().to_string()));
    let fill = |text: &String| {
        words
            .iter()
            .fold(text.clone(), |text, (word, value)| text.replace(&format!("{{{word}}}"), value))
    };
    let done = out.join("prepared");
    let source = digest(&PROXIES, &manifest.prepare);
    let is_done = fs::read_to_string(&done).is_ok_and(|there| there == source);
    if !manifest.prepare.is_empty() && !is_done {
        fs::remove_dir_all(&out).map_err(|error| failed(&out, &error))?;
        fs::create_dir_all(&out).map_err(|error| failed(&out, &error))?;
        let what = format!("the proxy {} cannot be prepared", manifest.name);
        for command in &manifest.prepare {
            build(&what, &command.iter().map(fill).collect::<Vec<_>>(), &folder)?;
        }
        fs::write(&done, source).map_err(|error| failed(&done, &error))?;
    }
    let config = match &manifest.config {
        None => None,
        Some(name) => {
            let path = Path::new(&manifest.folder).join(name);
            let Some(text) = PROXIES.get_file(&path).and_then(File::contents_utf8) else {
                complain(&format!("error: there is no file {}\n", path.display()));
                return Err(Exit::Broken);
            };
            Some(text.to_owned())
        }
    };
    let version = version(&manifest.version);
    let start = ProxyStart {
        guard: guard(),
        command: manifest.start.clone(),
        config,
        words,
        patience: patience.unwrap_or(manifest.start_time),
        placement: manifest.placement,
        over: manifest.over.clone(),
    };
    Ok((start, version))
}

/// The first line that a command prints, on whichever output.
fn version(command: &[String]) -> String {
    let Some((program, arguments)) = command.split_first() else { return String::new() };
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let said = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("unknown").to_owned()
}
