//! The promises in SECURITY.md name files and tests that exist.

use std::fs;

use xtask::workspace;

#[test]
fn every_promise_names_existing_files_and_tests() {
    let text = fs::read_to_string(workspace::root().join("SECURITY.md")).unwrap();
    let (_, promises) = text.split_once("\n## The promises\n").unwrap();
    let rows: Vec<Vec<&str>> = promises
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|row| row.split(" | ").collect())
        .filter(|row: &Vec<&str>| row[0] != "promise")
        .collect();
    assert!(rows.len() > 20, "{} promises", rows.len());
    let mut wrong = Vec::new();
    for row in rows {
        let [promise, files, tests] = row[..] else {
            panic!("a row has three cells: {row:?}");
        };
        let files = code(files).filter(|file| !workspace::root().join(file).is_file());
        wrong.extend(files.map(|file| format!("{promise}: there is no file {file}")));
        let tests = code(tests).filter(|test| !is_test(test));
        wrong.extend(tests.map(|test| format!("{promise}: there is no test {test}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The texts between backticks. A cell without one is an empty promise.
fn code(cell: &str) -> impl Iterator<Item = &str> {
    let texts: Vec<_> = cell.split('`').skip(1).step_by(2).collect();
    assert!(!texts.is_empty(), "{cell} names nothing");
    texts.into_iter()
}

/// Whether `FILE::NAME` is a test: a function with an attribute above it, or a row of a macro that makes tests.
fn is_test(test: &str) -> bool {
    let Some((file, name)) = test.split_once("::") else {
        return false;
    };
    let text = fs::read_to_string(workspace::root().join(file)).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let function = format!("fn {name}(");
    let row = format!("{name}: ");
    lines.iter().enumerate().any(|(index, line)| {
        let above = lines[..index].iter().rev();
        let mut attributes = above.take_while(|line| line.starts_with(['#', '/', ']', ')']));
        let is_function = line.trim_start_matches("async ").starts_with(&function);
        (is_function && attributes.any(|line| line.starts_with("#[") && line.contains("test")))
            || (line.starts_with(&row) && text.contains("macro_rules!"))
    })
}
