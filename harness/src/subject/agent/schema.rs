use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::message::{CallId, Failure, Thrown};
use super::process::VERSION;
use super::request::Request;
use super::success::Success;
use crate::vocabulary::{ErrorNames, published};

/// The JSON Schema (draft 2020-12) of one line of the protocol of agents, as text.
pub fn agent_schema() -> String {
    let id = format!("urn:sockspec:agent:{VERSION}");
    let title = format!("A line between sockspec and an agent, version {VERSION}");
    let schema = published::<Line>(&id, &title, ABOUT);
    // What is made of strings and numbers can be written.
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

const ABOUT: &str = "Requests go to an agent's standard input, messages come from its standard output, \
                     each on a line of its own. Times are whole nanoseconds.";

/// Whatever is said.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is of interest")]
enum Line {
    /// What sockspec says.
    Request(Request),
    /// What the agent says.
    Message(Said),
}

/// One message of an agent.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[cfg_attr(not(test), expect(dead_code, reason = "only its schema is of interest"))]
enum Said {
    /// The first: what the agent is.
    Hello {
        /// The versions of the protocol that it speaks.
        #[schemars(length(min = 1))]
        versions: Vec<u32>,
        /// The name of the subject.
        name: String,
        /// The subject's version, for a person to read.
        version: String,
        /// The words of what it can do.
        offers: Vec<String>,
        /// Why it does not offer a word.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        lacks: BTreeMap<String, String>,
        /// How coarse its clocks are.
        granularity: Grains,
        /// What its errors are told by.
        #[serde(default, skip_serializing_if = "ErrorNames::is_exact")]
        names: ErrorNames,
    },
    /// A call that can block is about to be made.
    Started {
        /// Which.
        id: CallId,
        /// The kernel's number of the thread that makes it.
        #[serde(skip_serializing_if = "Option::is_none")]
        thread: Option<i32>,
    },
    /// A call has returned.
    Done {
        /// Which.
        id: CallId,
        /// When it began, by the agent's monotonic clock.
        began: u64,
        /// How long it took, by the same clock.
        took: u64,
        /// What came of it: exactly one of these.
        #[serde(flatten)]
        answer: Told,
    },
}

/// How much earlier than asked a wait may end.
#[derive(Serialize, JsonSchema)]
struct Grains {
    /// Of poll, epoll and select.
    poll: u64,
    /// Of the limits that a socket keeps.
    socket: u64,
}

/// What came of a call.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(not(test), expect(dead_code, reason = "only its schema is of interest"))]
enum Told {
    /// It succeeded.
    Ok(Success),
    /// It failed.
    Err(Failure),
    /// The runtime threw something that stands for no failure of the call.
    Threw(Thrown),
    /// It cannot be expressed.
    Unsupported {
        /// Why not.
        why: String,
    },
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::subject::Granularity;
    use crate::subject::agent::{Answer, Class, Hello, Message};

    #[test]
    fn the_form_in_the_schema_is_the_one_that_is_spoken() {
        let id = CallId::new(7);
        let failure =
            Failure { class: Class::Blocked, raw: Some(4), text: "x".to_owned(), signal: None };
        let thrown = Thrown { kind: "Error".to_owned(), text: "y".to_owned() };
        let pairs = [
            (
                Said::Hello {
                    versions: vec![1],
                    name: "a".to_owned(),
                    version: "b".to_owned(),
                    offers: vec!["tcp4".to_owned()],
                    lacks: [("dup".to_owned(), "none".to_owned())].into(),
                    granularity: Grains { poll: 0, socket: 4 },
                    names: ErrorNames::Class,
                },
                Message::Hello(Hello {
                    versions: vec![1],
                    name: "a".to_owned(),
                    version: "b".to_owned(),
                    offers: vec!["tcp4".to_owned()],
                    lacks: [("dup".to_owned(), "none".to_owned())].into(),
                    granularity: Granularity {
                        poll: Duration::ZERO,
                        socket: Duration::from_nanos(4),
                    },
                    names: ErrorNames::Class,
                }),
            ),
            (Said::Started { id, thread: Some(9) }, Message::Started { id, thread: Some(9) }),
            done(Told::Ok(Success::Count(4)), Answer::Ok(Success::Count(4))),
            done(
                Told::Unsupported { why: "no".to_owned() },
                Answer::Unsupported { why: "no".to_owned() },
            ),
            done(Told::Err(failure.clone()), Answer::Err(failure)),
            done(Told::Threw(thrown.clone()), Answer::Threw(thrown)),
        ];
        for (said, message) in pairs {
            let value = |text: &str| -> serde_json::Value {
                serde_json::from_str(text).expect("it is JSON")
            };
            let said = serde_json::to_string(&said).expect("it is JSON");
            assert_eq!(value(&said), value(&message.line()));
        }
    }

    /// The two forms of one message.
    fn done(told: Told, answer: Answer) -> (Said, Message) {
        let (id, time) = (CallId::new(9), Duration::from_nanos);
        let said = Said::Done { id, began: 1, took: 2, answer: told };
        (said, Message::Done { id, began: time(1), took: time(2), answer })
    }

    #[test]
    fn every_definition_is_described() {
        let schema: serde_json::Value = serde_json::from_str(&agent_schema()).expect("it is JSON");
        for (name, definition) in schema["$defs"].as_object().expect("there are definitions") {
            let text = definition["description"].as_str().unwrap_or_default();
            assert!(!text.is_empty() && !text.contains("[`"), "{name}: {text}");
        }
    }
}
