use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde::Deserialize;

use crate::subject::agent::Packages;
use crate::vocabulary::Transport;

/// How a proxy is had: what it is started with, and what it can pass on.
///
/// ```toml
/// name      = "nginx"
/// about     = "the stream module of nginx"
/// prepare   = [["ssh-keygen", "-f", "{out}/key"]]    # done once on a machine
/// start     = ["nginx", "-c", "{config}"]
/// config    = "nginx.conf"          # a file beside the manifest, filled in for each instance
/// words     = { half-close = "off" }    # further words, for `start` and the file
/// version   = ["nginx", "-v"]       # the first line that it prints
/// needs     = ["nginx"]             # programs that must be there
/// check     = ["test", "-d", "/x"]  # succeeds where whatever else is there
/// debian    = ["nginx"]             # the packages that bring them
/// start-time = "10s"                # until it listens
/// over      = ["tcp4", "tcp6"]      # what it carries
/// placement = "loopback"            # or "gateway"
///
/// [variant.NAME]                    # the same with something else: `nginx-NAME`
/// words = { half-close = "on" }
/// ```
///
/// `{dir}` is the folder of the manifest and `{out}` one for what is prepared. What differs from instance
/// to instance is `{work}`, a folder of its own; `{config}`, the file that was filled in; `{listen}`,
/// `{listen-host}` (an IPv6 address in brackets), `{listen-ip}` and `{listen-port}`, where it listens; the
/// same of `{target}`, which it connects to; and `{ip}`, which is 4 or 6. A gateway joins the host of the
/// actor that connects to the host of the other one: for it there are `{namespace}`, a file that stands for
/// the network namespace of the first, `{device}`, a device of the second, and `{gateway}`, the address by
/// which it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyManifest {
    /// Its name, as `--via` takes it.
    pub name: String,
    /// The folder of its file, below that of all proxies.
    pub folder: String,
    /// A sentence for a person.
    pub about: String,
    /// The commands that prepare it, in order.
    pub prepare: Vec<Vec<String>>,
    /// The command that starts it.
    pub start: Vec<String>,
    /// The file, beside the manifest, that is filled in for each instance.
    pub config: Option<String>,
    /// Words of its own.
    pub words: BTreeMap<String, String>,
    /// The command that prints its version.
    pub version: Vec<String>,
    /// The programs that must be there.
    pub needs: Vec<String>,
    /// A command that succeeds where whatever else it needs is there; none if that is all.
    pub check: Vec<String>,
    /// Where these come from.
    pub packages: Packages,
    /// What it carries.
    pub over: Vec<Transport>,
    /// Where it stands.
    pub placement: Placement,
    /// How long it may take until it listens.
    pub start_time: Duration,
    /// Whether only `ci/install-subjects --all` installs it.
    pub is_heavy: bool,
}

/// Where a proxy stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// On the host that all actors share: it listens at an address of its own.
    #[default]
    Loopback,
    /// Between two hosts: one reaches the loopback interface of the other by the address of a gateway.
    Gateway,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    name: String,
    about: String,
    #[serde(default)]
    prepare: Vec<Vec<String>>,
    start: Vec<String>,
    config: Option<String>,
    #[serde(default)]
    words: BTreeMap<String, String>,
    version: Vec<String>,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    check: Vec<String>,
    #[serde(default)]
    debian: Vec<String>,
    over: Option<Vec<Transport>>,
    #[serde(default)]
    placement: Placement,
    start_time: Option<Seconds>,
    #[serde(default)]
    heavy: bool,
    #[serde(default)]
    variant: BTreeMap<String, Variant>,
}

/// A time such as `10s`.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Seconds(Duration);

impl TryFrom<String> for Seconds {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let seconds = text.strip_suffix('s').and_then(|seconds| seconds.parse().ok());
        let time = seconds.map(|seconds| Self(Duration::from_secs(seconds)));
        time.ok_or_else(|| format!("`{text}` is no time such as `10s`"))
    }
}

/// What a variant has of its own; the rest is that of the file.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Variant {
    about: Option<String>,
    start: Option<Vec<String>>,
    config: Option<String>,
    #[serde(default)]
    words: BTreeMap<String, String>,
    over: Option<Vec<Transport>>,
}

/// A manifest that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum ProxyManifestError {
    /// It is no TOML, or has a key that manifests do not have, or lacks one.
    #[error("{folder}/proxy.toml: {source}")]
    Unreadable {
        /// Whose.
        folder: String,
        /// What is wrong, and where.
        source: toml::de::Error,
    },
    /// It is to carry something that is no TCP.
    #[error("{folder}/proxy.toml: `over` names {transport}, and a proxy carries tcp4 and tcp6")]
    NotCarried {
        /// Whose.
        folder: String,
        /// What.
        transport: Transport,
    },
}

/// How long a proxy may take until it listens, unless its manifest says otherwise.
const START_TIME: Duration = Duration::from_secs(10);

impl ProxyManifest {
    /// The address by which a gateway is reached, from those kept for documentation (RFC 5737), which no
    /// host has.
    pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

    /// Reads a file: the proxy itself, and one for each of its variants.
    ///
    /// # Errors
    /// When it is no manifest.
    pub fn read(folder: &str, text: &str) -> Result<Vec<Self>, ProxyManifestError> {
        let file: File = toml::from_str(text).map_err(|source| ProxyManifestError::Unreadable {
            folder: folder.to_owned(),
            source,
        })?;
        let base = Self {
            name: file.name,
            folder: folder.to_owned(),
            about: file.about,
            prepare: file.prepare,
            start: file.start,
            config: file.config,
            words: file.words,
            version: file.version,
            needs: file.needs,
            check: file.check,
            packages: Packages { debian: file.debian, ..Packages::default() },
            over: file.over.unwrap_or_else(|| vec![Transport::Tcp4, Transport::Tcp6]),
            placement: file.placement,
            start_time: file.start_time.map_or(START_TIME, |time| time.0),
            is_heavy: file.heavy,
        };
        let variants = file.variant.into_iter().map(|(name, variant)| base.varied(&name, variant));
        let all: Vec<Self> = std::iter::once(base.clone()).chain(variants).collect();
        let carried = all.iter().flat_map(|one| &one.over);
        match carried.copied().find(|one| !matches!(one, Transport::Tcp4 | Transport::Tcp6)) {
            Some(transport) => {
                Err(ProxyManifestError::NotCarried { folder: folder.to_owned(), transport })
            }
            None => Ok(all),
        }
    }

    fn varied(&self, name: &str, variant: Variant) -> Self {
        let base = self.clone();
        let mut words = base.words;
        words.extend(variant.words);
        Self {
            name: format!("{}-{name}", base.name),
            about: variant.about.unwrap_or(base.about),
            start: variant.start.unwrap_or(base.start),
            config: variant.config.or(base.config),
            over: variant.over.unwrap_or(base.over),
            words,
            ..base
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
name = "nginx"
about = "half-close is off"
start = ["nginx", "-c", "{config}"]
config = "nginx.conf"
words = { half-close = "off", level = "error" }
version = ["nginx", "-v"]
needs = ["nginx"]
debian = ["nginx"]
start-time = "3s"

[variant.half-close]
about = "half-close is on"
words = { half-close = "on" }
over = ["tcp4"]
"#;

    #[test]
    fn a_variant_has_the_rest_from_its_file() {
        let all = ProxyManifest::read("nginx", TEXT).expect("it is one");
        let [base, variant] = &all[..] else { panic!("there are two: {all:?}") };
        assert_eq!((&*base.name, &*variant.name), ("nginx", "nginx-half-close"));
        assert_eq!((&*base.about, &*variant.about), ("half-close is off", "half-close is on"));
        assert_eq!((&*base.words["half-close"], &*variant.words["half-close"]), ("off", "on"));
        assert_eq!(variant.words["level"], "error");
        assert_eq!(base.over, [Transport::Tcp4, Transport::Tcp6]);
        assert_eq!(variant.over, [Transport::Tcp4]);
        assert_eq!((&variant.start, &variant.config), (&base.start, &base.config));
        assert_eq!(variant.start_time, Duration::from_secs(3));
        assert_eq!(variant.packages.debian, ["nginx"]);
        assert_eq!(variant.placement, Placement::Loopback);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let error =
            |text: &str| ProxyManifest::read("x", text).expect_err("it is wrong").to_string();
        let text = error("name = \"x\"\nstrat = []\n");
        assert!(text.contains("x/proxy.toml") && text.contains("strat"), "{text}");
        let text = error(&TEXT.replace("[\"tcp4\"]", "[\"udp4\"]"));
        assert!(text.contains("`over` names udp4"), "{text}");
        assert!(error(&TEXT.replace("words = {", "wrods = {")).contains("wrods"));
        assert!(error(&TEXT.replace("3s", "soon")).contains("`soon` is no time"));
    }
}
