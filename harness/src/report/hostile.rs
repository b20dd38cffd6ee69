//! A run whose every text tries to be more than text, for the tests of the formats.

use std::sync::Arc;

use super::fixture;
use super::transcript::Transcript;
use crate::run::event::{Event, Judgement};
use crate::scenario::Scenario;
use crate::vocabulary::{CaseId, Outcome, ScenarioId};

/// What a terminal, XML, TAP, YAML, Markdown, HTML or GitHub would obey.
pub(super) const HOSTILE: &str = concat!(
    "\u{1b}[2J\u{7}\u{0}\u{feff}\u{ffff}\u{85}\u{2028}\u{202e}]]> \n::error::owned\r\n",
    "::set-output name=a::b # SKIP\n# TODO\nBail out! \\\nok 1 - fine\n  ...\n  ---\n",
    "```\n~~~\n````\n</details></code></summary><script>alert(1)</script> <!-- \n\n# Heading\n",
    "| a | b |\n|--|--|\n**bold** _it_ ~~x~~ $x$ [a](https://evil.example) ![b](c) https://evil.example ",
    "www.evil.example mail@evil.example @team #1 :+1: &lt; %0A%25 \" ' {a: b} - ]]>",
);

/// [`fixture::every_standing`] with that text in every place that is not a word of sockspec's own.
pub(super) fn hostile_run() -> Transcript {
    let mut events = fixture::every_standing();
    let id = |id: &ScenarioId| ScenarioId::new(format!("{id}{HOSTILE}"));
    for event in &mut events {
        match event {
            Event::RunStarted(run) => {
                for text in [&mut run.subject, &mut run.subject_version, &mut run.suite] {
                    text.push_str(HOSTILE);
                }
                run.sockspec.push_str(HOSTILE);
                let known = run.known.as_mut().expect("something is known");
                known.file.push_str(HOSTILE);
                for entry in &mut known.entries {
                    entry.reason.push_str(HOSTILE);
                    entry.source.push_str(HOSTILE);
                    for pattern in &mut entry.patterns {
                        pattern.text.push_str(HOSTILE);
                    }
                    entry.cases = entry.cases.iter().map(renamed).collect();
                }
            }
            Event::ScenarioLoaded(scenario) => {
                let Scenario { id: old, path, title, cite, level, source } = &**scenario;
                // Its lines stay where they are.
                let source = source.lines().map(|line| format!("{line} {}", on_one_line()));
                *scenario = Arc::new(Scenario {
                    id: id(old),
                    path: format!("{path}{HOSTILE}"),
                    title: format!("{title}{HOSTILE}"),
                    cite: cite.iter().map(|cite| format!("{cite}{HOSTILE}")).collect(),
                    level: *level,
                    source: source.collect::<Vec<_>>().join("\n").into(),
                });
            }
            Event::CaseStarted { case, .. } => *case = renamed(case),
            Event::CaseFinished(case) => {
                case.case = renamed(&case.case);
                case.scenario = id(&case.scenario);
                if let Some(reason) = &mut case.reason {
                    reason.push_str(HOSTILE);
                }
                for step in &mut case.steps {
                    if let Judgement::Missed { detail } = &mut step.judgement {
                        step.outcome = Some(Outcome::Unsupported { why: HOSTILE.to_owned() });
                        *detail = Some(HOSTILE.to_owned());
                    }
                }
            }
            Event::RunFinished(end) => end.leaks.push(HOSTILE.to_owned()),
        }
    }
    Transcript::of(&events)
}

fn on_one_line() -> String {
    HOSTILE.replace(['\n', '\r'], " ")
}

fn renamed(case: &CaseId) -> CaseId {
    let (scenario, variant) = case.as_str().split_once('[').expect("a case's id");
    let scenario = ScenarioId::new(format!("{scenario}{HOSTILE}"));
    let variant = format!("{}{HOSTILE}", variant.trim_end_matches(']'));
    CaseId::new(&scenario, &[variant])
}
