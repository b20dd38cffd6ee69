use super::header::Reader;
use super::mistake::{bad_name, bad_number, duplicate_word};
use super::value::{self, Bad, is_name};
use crate::scenario::diagnostic::{Diagnostic, code, quoted};
use crate::scenario::groups::{Groups, MOST_HOSTS};
use crate::scenario::lexer::{Span, Token};
use crate::scenario::syntax::{KEYWORDS, PLACES};

/// The most names behind `lan`.
const NAMES: usize = 100;

/// A name behind `lan`.
struct Named<'s> {
    name: &'s str,
    span: Span,
    /// How many hosts it is, if it is a group.
    size: Option<usize>,
}

impl<'s> Reader<'_, 's> {
    /// The hosts and groups of hosts behind `lan`.
    pub(super) fn hosts(&mut self, lan: Token, rest: &[Token]) {
        let mut found: Vec<Named<'s>> = Vec::new();
        let mut total = 0;
        for token in rest {
            if found.len() == NAMES {
                return self.report(Diagnostic::new(
                    code::TOO_LARGE,
                    token.span,
                    format!("a `lan` names at most {NAMES} hosts and groups"),
                    "this is one too many",
                ));
            }
            let word = self.tree.text(token.span);
            let (name, size) = match word.split_once('*') {
                Some((name, size)) => (name, Some(self.group_size(token.span, word, size))),
                None => (word, None),
            };
            total += size.unwrap_or(1);
            if !is_name(name) {
                self.report(bad_name(token.span, word));
            } else if KEYWORDS.contains(&name) || PLACES.contains(&name) {
                self.report(
                    Diagnostic::new(
                        code::RESERVED_NAME,
                        token.span,
                        format!("{} cannot be the name of a host", quoted(name)),
                        "a word of the language",
                    )
                    .help("choose another name, such as `a`"),
                );
            } else if let Some(earlier) = found.iter().find(|other| other.name == name) {
                self.report(duplicate_word(token.span, name, earlier.span));
            } else {
                found.push(Named { name, span: token.span, size });
            }
        }
        self.check_total(lan, rest, total);
        self.check_members(&found);
        let (groups, hosts): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|named| named.size.is_some());
        let sizes = groups.iter().filter_map(|group| group.size).collect();
        self.header.groups = Groups { first: hosts.len(), sizes };
        self.header.actors = hosts.into_iter().chain(groups).map(|named| named.name).collect();
    }

    /// The number of hosts of a group, behind `*`.
    fn group_size(&mut self, span: Span, word: &str, size: &str) -> usize {
        let size = value::size(size)
            .and_then(|size| usize::try_from(size).map_err(|_| Bad::Range))
            .and_then(|size| (1..=MOST_HOSTS).contains(&size).then_some(size).ok_or(Bad::Range));
        match size {
            Ok(size) => size,
            Err(bad) => {
                let bounds = format!("a group of 1 to {MOST_HOSTS} hosts");
                let diagnostic = bad_number(span, word, bad, "group", &bounds);
                self.report(diagnostic.help("a group is written `NAME*3`"));
                1
            }
        }
    }

    fn check_total(&mut self, lan: Token, rest: &[Token], total: usize) {
        let last = rest.last().unwrap_or(&lan).span;
        if total < 2 {
            self.report(
                Diagnostic::new(
                    code::FEW_HOSTS,
                    last.after(),
                    "a `lan` has at least two hosts",
                    "expected the name of a host",
                )
                .help("name them after it: `on lan a b c`, or `on lan a others*3`"),
            );
        }
        if total > MOST_HOSTS {
            self.report(
                Diagnostic::new(
                    code::TOO_LARGE,
                    lan.span.to(last),
                    format!("a `lan` has at most {MOST_HOSTS} hosts"),
                    format!("these are {total} in all"),
                )
                .help("the bridge that joins them has 1,024 ports"),
            );
        }
    }

    /// Reports names that a member of a group has, or could have if the group were larger.
    fn check_members(&mut self, found: &[Named<'s>]) {
        for group in found.iter().filter(|named| named.size.is_some()) {
            for named in found {
                let number = named.name.strip_prefix(group.name).unwrap_or_default();
                let is_member =
                    number.parse().is_ok_and(|number: usize| (1..=MOST_HOSTS).contains(&number))
                        && !number.starts_with(['0', '+']);
                if is_member {
                    let message = format!(
                        "{} is the name of a member of {}",
                        quoted(named.name),
                        quoted(group.name)
                    );
                    self.report(
                        Diagnostic::new(
                            code::MEMBER_NAME,
                            named.span,
                            message,
                            "choose another name",
                        )
                        .related(group.span, "the group")
                        .help("the hosts of a group are numbered from 1, and it may be grown"),
                    );
                }
            }
        }
    }
}
