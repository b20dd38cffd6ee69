//! What a recording says, in short.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use sockspec::report::recording::read;
use sockspec::run::Verdict;
use sockspec::run::event::Event;

/// The verdict of each case of a whole recording. No case may stand in it twice.
pub(crate) fn verdicts(recording: &Path) -> BTreeMap<String, Verdict> {
    let file = File::open(recording).expect("the run wrote a recording");
    let mut verdicts = BTreeMap::new();
    for event in read(BufReader::new(file)) {
        let event = event.expect("the recording is whole");
        if let Event::CaseFinished(case) = event {
            let before = verdicts.insert(case.case.to_string(), case.verdict);
            assert_eq!(before, None, "{} ran twice", case.case);
        }
    }
    verdicts
}
