use std::fs;
use std::path::{Path, PathBuf};

use super::exit::Exit;
use super::output::{Colour, complain};
use super::suite::{Chosen, is_built_in, many};
use crate::report::{Circumstances, Expectations};
use crate::run::{Known, Plan};
use crate::scenario::{Case, Diagnostic, Document};

/// The files of some subjects, with their names.
macro_rules! built_in {
    ($($name:literal)*) => {
        [$((
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/reports/", $name, ".toml")),
        )),*]
    };
}

/// What subjects were known to do otherwise when the program was built, by their names.
pub(super) static BUILT_IN: &[(&str, &str)] = &built_in! {
    "go"
    "gvisor"
    "java"
    "java-channel"
    "kernel"
    "lwip"
    "lwip-link"
    "madsim"
    "native-c"
    "node"
    "node-bun"
    "node-bun-half-open"
    "node-deno"
    "node-deno-half-open"
    "node-half-open"
    "python"
    "python-asyncio"
    "python-asyncio-uvloop"
    "python-eventlet"
    "python-gevent"
    "python-trio"
    "rust"
    "rust-tokio"
    "turmoil"
    "uml"
    "via-haproxy"
    "via-nginx"
    "via-nginx-half-close"
    "via-pasta"
    "via-rinetd"
    "via-slirp4netns"
    "via-socat"
    "via-socat-t30"
    "via-ssh"
    "via-systemd-socket-proxyd"
    "winsock"
};

/// The folder in which a subject's file is looked for, beside that of the suite.
pub(super) const FOLDER: &str = "reports";

/// Where expectations come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A file.
    File(PathBuf),
    /// Nowhere: whatever fails is a regression.
    Nowhere,
}

/// Reads what `--expectations` says.
#[expect(clippy::unnecessary_wraps, reason = "that is what the parser of arguments asks for")]
pub(super) fn origin(text: &str) -> Result<Origin, String> {
    Ok(if text == "none" { Origin::Nowhere } else { Origin::File(text.into()) })
}

/// What a subject is known to do otherwise in the cases of a plan, where it runs here. Every mistake in the file is said.
///
/// Without an origin it is `reports/SUBJECT.toml` of this folder where the suite is `scenarios` of
/// this folder and there is such a file. Else it is what is built in, which speaks only of scenarios
/// that have the id and the text of a built-in one.
pub(super) fn known(
    origin: Option<&Origin>,
    subject: &str,
    chosen: &Chosen,
    plan: &Plan,
    here: &Circumstances,
    colour: Colour,
) -> Result<Option<Known>, Exit> {
    let beside = Path::new(FOLDER).join(format!("{subject}.toml"));
    let path = match origin {
        Some(Origin::Nowhere) => return Ok(None),
        Some(Origin::File(path)) => Some(path.clone()),
        None => (chosen.is_checkout() && beside.is_file()).then_some(beside.clone()),
    };
    let Some(path) = path else {
        let Some((_, text)) = BUILT_IN.iter().find(|(name, _)| *name == subject) else {
            return Ok(None);
        };
        let name = beside.display().to_string();
        let (expectations, mut mistakes) = Expectations::read(&name, text);
        let expectations = expectations.here(here);
        let cases = || plan.cases().filter(|case| is_built_in(&case.scenario));
        mistakes.extend(expectations.overlaps(cases()));
        say(&name, text, mistakes, colour)?;
        return Ok(Some(expectations.of(cases())));
    };
    let name = path.display().to_string();
    let source = read(&path)?;
    let (mut expectations, mut mistakes) = Expectations::read(&name, &source);
    expectations = expectations.here(here);
    if let Some(suite) = chosen.whole() {
        let named = suite.iter().filter(|one| expectations.name_cases_of(one.scenario()));
        let cases: Vec<Case> = named.flat_map(Document::cases).collect();
        let scenarios = suite.iter().map(|document| &**document.scenario());
        mistakes.extend(expectations.check(scenarios, &cases));
        expectations = expectations.counted(&cases);
    } else {
        mistakes.extend(expectations.overlaps(plan.cases()));
    }
    say(&name, &source, mistakes, colour)?;
    Ok(Some(expectations.of(plan.cases())))
}

/// Shows mistakes, where there are any, in the order of their places.
pub(super) fn say(
    name: &str,
    source: &str,
    mut mistakes: Vec<Diagnostic>,
    colour: Colour,
) -> Result<(), Exit> {
    if mistakes.is_empty() {
        return Ok(());
    }
    mistakes.sort_by_key(|mistake| mistake.span.start);
    for mistake in &mistakes {
        complain(&format!("{}\n\n", mistake.render(name, source, colour.on_stderr())));
    }
    complain(&format!("{} in {name}\n", many(mistakes.len(), "mistake")));
    Err(Exit::Usage)
}

/// More is no expectations file.
const LARGEST: u64 = 1 << 20;

/// The text of an expectations file.
pub(super) fn read(path: &Path) -> Result<String, Exit> {
    let failed = |why: String| {
        complain(&format!("error: {} cannot be read: {why}\n", path.display()));
        Exit::Usage
    };
    let data = fs::metadata(path).map_err(|error| failed(error.to_string()))?;
    if !data.is_file() {
        return Err(failed("it is not a regular file".to_owned()));
    }
    if data.len() > LARGEST {
        return Err(failed(format!("it has {} bytes, more than 1 MiB", data.len())));
    }
    let bytes = fs::read(path).map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        failed(format!("byte {offset} is not UTF-8 text"))
    })
}
