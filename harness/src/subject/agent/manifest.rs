use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

/// How a subject is had: what its agent is built and started with, and where it can run.
///
/// ```toml
/// name      = "native-c"
/// about     = "the sockets of the C library"
/// build     = [["cc", "-O2", "-pthread", "-o", "{out}/agent", "{dir}/agent.c"]]
/// start     = ["{out}/agent"]
/// needs     = ["cc"]                # programs that must be there
/// check     = ["python3", "-c", "import trio"]    # succeeds where whatever else is there
/// debian    = ["gcc"]               # the packages that bring them
/// placement = "namespace"           # or "loopback", "sandbox", or "link"
///
/// [variant.NAME]                    # the same with something else: `native-c-NAME`
/// arguments = ["--flavour", "x"]
/// ```
///
/// `{dir}` is the folder of the manifest, `{agents}` that of all manifests, `{out}` one for what is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its name, as `--subject` takes it.
    pub name: String,
    /// The folder of its file, below that of all agents.
    pub folder: String,
    /// A sentence for a person.
    pub about: String,
    /// The commands that build it, in order.
    pub build: Vec<Vec<String>>,
    /// The command that starts it.
    pub start: Vec<String>,
    /// The programs that must be there to build and start it.
    pub needs: Vec<String>,
    /// A command that succeeds where whatever else it needs is there; none if that is all.
    pub check: Vec<String>,
    /// Where these come from.
    pub packages: Packages,
    /// Where it can run.
    pub placement: Placement,
    /// How long it may take until it says what it is.
    pub start_time: Duration,
    /// Whether only `ci/install-subjects --all` installs it.
    pub is_heavy: bool,
}

/// Names of packages by registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Packages {
    /// Of Debian.
    pub debian: Vec<String>,
    /// Of the Python package index.
    pub pypi: Vec<String>,
    /// Of npm.
    pub npm: Vec<String>,
    /// Of crates.io.
    pub crates: Vec<String>,
}

/// Where the agent of a subject can run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// In any network namespace: its sockets are those of this kernel.
    #[default]
    Namespace,
    /// Where this process is; an agent for each host would take too long.
    Loopback,
    /// Within something that has a network of its own, of which only its loopback interface can be
    /// used: all actors are inside, and no packet is seen.
    Sandbox,
    /// On a host that was made for it, whose links it takes over from the kernel: it is told so by the
    /// argument `--link` behind its command.
    Link,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    name: String,
    about: String,
    #[serde(default)]
    build: Vec<Vec<String>>,
    start: Vec<String>,
    #[serde(default)]
    arguments: Vec<String>,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    check: Vec<String>,
    #[serde(default)]
    debian: Vec<String>,
    #[serde(default)]
    pypi: Vec<String>,
    #[serde(default)]
    npm: Vec<String>,
    #[serde(default)]
    crates: Vec<String>,
    #[serde(default)]
    placement: Placement,
    start_time: Option<String>,
    #[serde(default)]
    heavy: bool,
    #[serde(default)]
    variant: BTreeMap<String, Variant>,
}

/// What a variant has of its own; the rest is that of the file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Variant {
    about: Option<String>,
    build: Option<Vec<Vec<String>>>,
    start: Option<Vec<String>>,
    #[serde(default)]
    arguments: Vec<String>,
    needs: Option<Vec<String>>,
    check: Option<Vec<String>>,
    #[serde(default)]
    debian: Vec<String>,
    #[serde(default)]
    pypi: Vec<String>,
    #[serde(default)]
    npm: Vec<String>,
    #[serde(default)]
    crates: Vec<String>,
    placement: Option<Placement>,
    start_time: Option<String>,
    heavy: Option<bool>,
}

/// A manifest that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is no TOML, or has a key that manifests do not have, or lacks one.
    #[error("{folder}/subject.toml: {source}")]
    Unreadable {
        /// Whose.
        folder: String,
        /// What is wrong, and where.
        source: toml::de::Error,
    },
    /// A time is none.
    #[error("{folder}/subject.toml: `{text}` is no time such as `10s`")]
    NoTime {
        /// Whose.
        folder: String,
        /// What stands there.
        text: String,
    },
}

/// How long an agent may take to say what it is, unless its manifest says otherwise.
const START_TIME: Duration = Duration::from_secs(10);

impl Manifest {
    /// Reads a file: the subject itself, and one for each of its variants.
    ///
    /// # Errors
    /// When it is no manifest.
    pub fn read(folder: &str, text: &str) -> Result<Vec<Self>, ManifestError> {
        let file: File = toml::from_str(text)
            .map_err(|source| ManifestError::Unreadable { folder: folder.to_owned(), source })?;
        let time = |text: Option<&String>| match text {
            None => Ok(None),
            Some(text) => text
                .strip_suffix('s')
                .and_then(|seconds| seconds.parse().ok())
                .map(|seconds| Some(Duration::from_secs(seconds)))
                .ok_or_else(|| ManifestError::NoTime {
                    folder: folder.to_owned(),
                    text: text.clone(),
                }),
        };
        let start_time = time(file.start_time.as_ref())?;
        let mut all = vec![Self {
            name: file.name.clone(),
            folder: folder.to_owned(),
            about: file.about.clone(),
            build: file.build.clone(),
            start: [file.start.clone(), file.arguments.clone()].concat(),
            needs: file.needs.clone(),
            check: file.check.clone(),
            packages: Packages {
                debian: file.debian.clone(),
                pypi: file.pypi.clone(),
                npm: file.npm.clone(),
                crates: file.crates.clone(),
            },
            placement: file.placement,
            start_time: start_time.unwrap_or(START_TIME),
            is_heavy: file.heavy,
        }];
        for (name, variant) in &file.variant {
            let base = variant.start.clone().unwrap_or_else(|| file.start.clone());
            let own_needs = variant.needs.is_some();
            let join = |base: &[String], more: &[String]| {
                let base = if own_needs { &[][..] } else { base };
                [base, more].concat()
            };
            all.push(Self {
                name: format!("{}-{name}", file.name),
                folder: folder.to_owned(),
                about: variant.about.clone().unwrap_or_else(|| file.about.clone()),
                build: variant.build.clone().unwrap_or_else(|| file.build.clone()),
                start: [base, variant.arguments.clone()].concat(),
                check: variant.check.clone().unwrap_or_else(|| file.check.clone()),
                needs: variant.needs.clone().unwrap_or_else(|| file.needs.clone()),
                packages: Packages {
                    debian: join(&file.debian, &variant.debian),
                    pypi: join(&file.pypi, &variant.pypi),
                    npm: join(&file.npm, &variant.npm),
                    crates: join(&file.crates, &variant.crates),
                },
                placement: variant.placement.unwrap_or(file.placement),
                start_time: time(variant.start_time.as_ref())?.or(start_time).unwrap_or(START_TIME),
                is_heavy: variant.heavy.unwrap_or(file.heavy),
            });
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
name = "python"
about = "CPython"
start = ["python3", "{dir}/agent.py"]
needs = ["python3"]
debian = ["python3"]

[variant.trio]
arguments = ["--flavour", "trio"]
pypi = ["trio"]
start-time = "30s"

[variant.pypy]
start = ["pypy3", "{dir}/agent.py"]
needs = ["pypy3"]
debian = ["pypy3"]
placement = "loopback"
"#;

    #[test]
    fn a_variant_has_the_rest_from_its_file() {
        let all = Manifest::read("python", TEXT).expect("it is one");
        let names: Vec<_> = all.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["python", "python-pypy", "python-trio"]);
        let (pypy, trio) = (&all[1], &all[2]);
        assert_eq!(trio.start, ["python3", "{dir}/agent.py", "--flavour", "trio"]);
        assert_eq!(
            (&trio.packages.debian[..], &trio.packages.pypi[..]),
            (&["python3".to_owned()][..], &["trio".to_owned()][..])
        );
        assert_eq!(trio.start_time, Duration::from_secs(30));
        assert_eq!((pypy.start[0].as_str(), pypy.placement), ("pypy3", Placement::Loopback));
        assert_eq!(
            (&pypy.packages.debian[..], &pypy.needs[..]),
            (&["pypy3".to_owned()][..], &["pypy3".to_owned()][..])
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let error = Manifest::read("x", "name = \"x\"\nstrat = []\n").expect_err("it is wrong");
        let text = error.to_string();
        assert!(text.contains("x/subject.toml") && text.contains("strat"), "{text}");
        let text = TEXT.replace("30s", "soon");
        let error = Manifest::read("x", &text).expect_err("it is wrong").to_string();
        assert!(error.contains("`soon` is no time"), "{error}");
    }
}
