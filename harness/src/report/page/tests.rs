use std::io::Read as _;
use std::sync::Arc;

use askama::Template as _;
use data_encoding::BASE64;
use flate2::read::ZlibDecoder;

use super::column::Column;
use super::detail::Detail;
use super::document::{Matrix, comparison, page};
use super::sheet::Sheet;
use crate::report::fixture;
use crate::report::transcript::Transcript;
use crate::run::Verdict;
use crate::run::event::{CaseFinished, Event, Judgement};
use crate::vocabulary::{CaseId, Endpoint, FrameFault, Outcome, ScenarioId};

fn runs() -> [Transcript; 2] {
    [fixture::every_standing(), fixture::other_subject()].map(|events| Transcript::of(&events))
}

/// The fragments of every case of a page, unpacked.
fn fragments(page: &str) -> Vec<String> {
    let mut fragments = Vec::new();
    for part in page.split("<script type=\"application/octet-stream\"").skip(1) {
        let text =
            part.split_once('>').and_then(|(_, rest)| rest.split_once('<')).expect("a block").0;
        let bytes = BASE64.decode(text.as_bytes()).expect("it is base64");
        let mut block = String::new();
        ZlibDecoder::new(&bytes[..]).read_to_string(&mut block).expect("it is zlib");
        fragments.extend(block.split('\0').map(str::to_owned));
    }
    fragments
}

#[test]
fn the_matrix_of_two_subjects() {
    let runs = runs();
    let sheet = Sheet::of(Column::of(&runs));
    insta::assert_snapshot!(Matrix { sheet: &sheet }.render().expect("it can be written"));
}

#[test]
fn a_case_that_two_subjects_fail() {
    let runs = runs();
    let sheet = Sheet::of(Column::of(&runs));
    let scenario = sheet.scenarios().find(|one| one.name() == "reverse-direction-stays-usable");
    let fragments = Detail::all(&sheet, scenario.expect("it ran"));
    let fragment = without(&fragments[0], "<svg", "</svg>");
    let fragment = without(&fragment, ";base64,", "\"");
    assert!(fragment.contains("[tcp4,loopback]"), "{fragment}");
    insta::assert_snapshot!(fragment);
}

#[test]
fn of_many_subjects_that_came_to_the_same_the_steps_of_one_are_kept() {
    let [mut runs, others] = [Verdict::Pass, Verdict::Fail]
        .map(|verdict| Transcript::of(&fixture::run_of(&[verdict; 2])))
        .map(|run| vec![run; 4]);
    runs.extend(others);
    let text = page(&runs);
    assert!(text.contains("<title>8 subjects · sockspec</title>"), "{text}");
    for fragment in fragments(&text) {
        let named = |what: &str| fragment.matches(what).count();
        assert_eq!(named("the same as kernel 1, of which the steps are kept"), 3, "{fragment}");
        assert_eq!(named("the same as kernel 5, of which the steps are kept"), 3, "{fragment}");
        assert_eq!((named("<h3>"), named("<section class=\"observation\">")), (2, 2));
        assert_eq!((named("<h3>kernel 1</h3>"), named("<h3>kernel 5</h3>")), (1, 1));
    }
    let sheet = Sheet::of(Column::of(&runs));
    let matrix = Matrix { sheet: &sheet }.render().expect("it can be written");
    let cell = "<td class=\"v-pass\"><abbr title=\"pass\">✓</abbr></td>";
    assert_eq!(matrix.matches(cell).count(), 8, "{matrix}");
    let few = Sheet::of(Column::of(&runs[..4]));
    assert!(!few.is_wide() && sheet.is_wide());
}

/// A text without what stands between these, which has tests of its own.
fn without(text: &str, from: &str, to: &str) -> String {
    let mut parts = text.split(from);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| {
        let rest = part.split_once(to).map_or("", |(_, rest)| rest);
        format!("{kept}{from}…{to}{rest}")
    })
}

#[test]
fn a_page_has_every_case_and_its_details() {
    let runs = runs();
    let html = page(&runs);
    let cases = runs[0].cases();
    assert_eq!(html.matches("<tr class=\"case\"").count(), cases.len());
    let fragments = fragments(&html);
    assert_eq!(fragments.len(), cases.len());
    for case in cases {
        let heading = format!("<h2>{}</h2>", case.shown().case);
        assert_eq!(fragments.iter().filter(|one| one.contains(&heading)).count(), 1, "{heading}");
    }
    assert_eq!(html, page(&runs), "the same runs give the same page");
}

#[test]
fn the_samples_of_a_step_are_a_histogram_with_its_line() {
    let fragments = fragments(&page(&[Transcript::of(&fixture::sampled_run())]));
    let heads = |fragment: &str| {
        let heads = fragment.split("<h4>Samples of ").skip(1);
        heads.map(|rest| rest.split('<').next().unwrap_or_default().to_owned()).collect()
    };
    let all: Vec<Vec<String>> = fragments.iter().map(|fragment| heads(fragment)).collect();
    assert_eq!(all, [vec!["line 5", "line 6"], vec!["line 5"]]);
    let early = &fragments[1];
    assert!(early.contains("<title>How much longer than 20.5ms each call took</title>"), "{early}");
    assert!(early.contains("<rect class=\"d-bad\""), "what came early stands out");
    assert!(!fragments[0].contains("<rect class=\"d-bad\""));
}

#[test]
fn a_comparison_says_what_changed() {
    let [old, new] = runs();
    let html = comparison(&old, &new);
    assert!(html.contains("data-change=\"mended\"") && html.contains("data-change=\"gone\""));
    assert!(html.contains("was fail") && html.contains("is pass"));
    let same = comparison(&old, &old);
    assert!(same.contains("data-change=\"same\"") && !same.contains("data-change=\"mended\""));
}

#[test]
fn a_run_of_which_little_is_known_is_shown_as_incomplete() {
    let mut events = fixture::every_standing();
    events.pop();
    events.retain(|event| !matches!(event, Event::ScenarioLoaded(_)));
    let html = page(&[Transcript::of(&events)]);
    assert!(html.contains("incomplete") && html.contains("the run is without its end"));
    assert!(page(&[Transcript::default()]).contains("the beginning of the run is missing"));
    assert!(page(&[]).contains("</html>"));
}

/// What would be markup, or would be obeyed, anywhere on a page.
const PLANTED: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg onload=alert(1)>",
    "</script><!--",
    "\u{202e}reversed",
    "\u{1b}[2J\u{7}\u{0}\r",
];

fn planted(text: &str) -> String {
    format!("{text} {}", PLANTED.join(" "))
}

/// The fixture with the planted text in every field that holds text.
fn planted_run() -> Vec<Event> {
    let mut events = fixture::every_standing();
    for event in &mut events {
        match event {
            Event::RunStarted(run) => {
                for text in
                    [&mut run.subject, &mut run.subject_version, &mut run.suite, &mut run.sockspec]
                {
                    *text = planted(text);
                }
                run.paths = vec![planted("scenarios")];
                let known = run.known.as_mut().expect("much is known");
                known.file = planted(&known.file);
                for entry in &mut known.entries {
                    entry.reason = planted(&entry.reason);
                    entry.source = planted(&entry.source);
                    for case in &mut entry.cases {
                        *case = planted_case(case);
                    }
                }
            }
            Event::ScenarioLoaded(scenario) => {
                let scenario = Arc::make_mut(scenario);
                scenario.id = planted_scenario(&scenario.id);
                scenario.path = planted(&scenario.path);
                scenario.title = planted(&scenario.title);
                scenario.cite = scenario.cite.iter().map(|cite| planted(cite)).collect();
                let lines: Vec<_> = scenario.source.lines().map(planted).collect();
                scenario.source = lines.join("\n").into();
            }
            Event::CaseStarted { case, .. } => *case = planted_case(case),
            Event::CaseFinished(case) => plant(case),
            Event::RunFinished(end) => end.leaks = vec![planted("socket 7")],
        }
    }
    events
}

fn planted_scenario(id: &ScenarioId) -> ScenarioId {
    ScenarioId::new(planted(id.as_str()))
}

fn planted_case(id: &CaseId) -> CaseId {
    let (scenario, variant) = id.as_str().split_once('[').expect("a case's id");
    CaseId::new(&planted_scenario(&ScenarioId::new(scenario)), &[planted(variant)])
}

fn plant(case: &mut CaseFinished) {
    case.case = planted_case(&case.case);
    case.scenario = planted_scenario(&case.scenario);
    case.reason = case.reason.as_deref().map(planted);
    case.variant.values.push((planted("name"), planted("value")));
    if let Some(packets) = &mut case.packets {
        packets.hosts.iter_mut().for_each(|host| *host = planted(host));
    }
    for (position, step) in case.steps.iter_mut().enumerate() {
        match &mut step.judgement {
            Judgement::Missed { detail } | Judgement::Excused { detail } => {
                *detail = Some(planted("detail\nof two lines"));
            }
            _ => {}
        }
        step.outcome = Some(match position % 5 {
            0 => Outcome::Unsupported { why: planted("why") },
            1 => Outcome::BadFrame { fault: FrameFault::Truncated, text: planted("text") },
            2 => Outcome::data(planted("data").as_bytes()),
            3 => Outcome::Name(Endpoint::Unnamed),
            _ => continue,
        });
    }
}

#[test]
fn nothing_gets_out_of_its_place() {
    let run = Transcript::of(&planted_run());
    let [old, _] = runs();
    for html in [page(&[run.clone(), run.clone()]), comparison(&old, &run)] {
        let scripts = html.matches("<script type=\"application/octet-stream\" id=\"b").count() + 1;
        assert_eq!(html.matches("<script").count(), scripts);
        assert_eq!(html.matches("</script>").count(), scripts);
        assert_eq!(html.matches("<style>").count(), 3);
        let fragments = fragments(&html);
        let is_planted = |one: &&String| one.contains("onerror");
        assert!(fragments.iter().filter(is_planted).count() >= 15, "it is planted");
        let page = html.split("<script>").next().expect("the part before the script").to_owned();
        for text in fragments.iter().chain([&page]) {
            for tag in ["<img", "<svg onload", "<script>alert", "<!--"] {
                assert!(!text.contains(tag), "{tag} in {text}");
            }
            let is_obeyed = |one: &char| {
                (one.is_control() && *one != '\n') || ('\u{202a}'..='\u{202e}').contains(one)
            };
            assert_eq!(text.chars().find(is_obeyed), None, "{text}");
            assert_eq!(attributes(text), None);
        }
    }
}

/// The first attribute of any element that no template writes.
fn attributes(html: &str) -> Option<String> {
    const WRITTEN: &str = "aria-expanded aria-hidden aria-label aria-labelledby aria-live aria-pressed \
        autocomplete charset class colspan content data-area data-block data-change data-close \
        data-copy data-differs data-filter data-id data-level data-standing data-step data-topology \
        data-transport data-value data-verdict download hidden href http-equiv id lang name open placeholder \
        role scope spellcheck tabindex title type value";
    const DRAWN: &str = "cx cy d height points r rx transform viewBox width x y";
    let is_written = |name: &str| WRITTEN.split(' ').chain(DRAWN.split(' ')).any(|one| one == name);
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        // Attributes are always quoted, so that a `>` ends the tag once the quotes are even.
        let end = rest
            .char_indices()
            .scan(false, |quoted, (at, one)| {
                *quoted ^= one == '"';
                Some((at, one, *quoted))
            })
            .find(|(_, one, quoted)| *one == '>' && !quoted)
            .map_or(rest.len(), |(at, ..)| at);
        let (tag, after) = rest.split_at(end);
        rest = after;
        if tag.starts_with('!') {
            continue;
        }
        let outside: String = tag.split('"').step_by(2).collect::<Vec<_>>().join("\"");
        for word in outside.split_whitespace().skip(1) {
            let name = word.trim_end_matches(['"', '=', '/']);
            if !name.is_empty() && !is_written(name) {
                return Some(format!("{name} in <{tag}>"));
            }
        }
    }
    None
}

#[test]
fn an_attribute_that_no_template_writes_is_found() {
    assert_eq!(attributes("<a href=\"x > y\">a</a> <br>"), None);
    let found = attributes("<a href=\"x\" onclick=\"alert(1)\">");
    assert!(found.is_some_and(|found| found.starts_with("onclick")));
    assert!(attributes("<td style=\"color: red\">").is_some());
}
