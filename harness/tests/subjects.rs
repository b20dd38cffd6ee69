//! What other subjects do: each recording of one is the report that was accepted.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use sockspec::report::accepted_report;
use sockspec::report::recording::read;
use sockspec::run::event::Event;

/// The recordings in a folder, by their names.
fn recordings(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let files = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files = files.collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| file.extension() == Some(OsStr::new("jsonl")));
    files.sort_unstable();
    Ok(files)
}

#[test]
#[ignore = "needs recordings of other subjects; reports/README.md says how they are made"]
fn each_subject_reports_what_was_accepted() -> io::Result<()> {
    let folder = std::env::var_os("RECORDINGS").expect("RECORDINGS names the folder of recordings");
    let files = recordings(Path::new(&folder))?;
    assert!(!files.is_empty(), "there is no recording in {}", folder.display());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../reports");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut others = Vec::new();
    for file in &files {
        let name = file.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        let events: Result<Vec<Event>, _> = read(BufReader::new(File::open(file)?)).collect();
        let events = events.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let report = accepted_report(events.iter());
        // Each is compared, whatever became of those before it.
        let compared = catch_unwind(AssertUnwindSafe(|| {
            settings.bind(|| insta::assert_snapshot!(name, report));
        }));
        others.extend(compared.is_err().then_some(name));
    }
    assert!(others.is_empty(), "not as was accepted: {}", others.join(", "));
    Ok(())
}
