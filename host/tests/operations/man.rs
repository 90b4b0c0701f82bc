//! `belljar man`: the manual pages.

use std::fs;

use crate::support::{Site, run};

#[test]
fn writes_a_page_for_each_command() {
    let site = Site::new(&[]);
    let folder = site.at("share/man/man1");
    let ended = run(["man", &folder.display().to_string()]);
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
        (Some(0), "", "")
    );
    let page = |name: &str| {
        let text = fs::read_to_string(folder.join(name)).expect("the page is there");
        // roff writes a hyphen of a flag with a backslash.
        text.replace("\\-", "-")
    };
    let commands = page("belljar.1");
    let help = run(["help"]).stdout;
    let (_, listed) = help.split_once("Commands:\n").expect("a list of commands");
    let listed = listed.lines().take_while(|line| !line.is_empty());
    let named = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    for name in named.filter(|name| !name.is_empty() && *name != "help") {
        assert!(commands.contains(&format!("belljar-{name}(1)")), "{name}");
        assert!(
            page(&format!("belljar-{name}.1")).contains(".SH NAME"),
            "{name}"
        );
    }
    assert!(!folder.join("belljar-compile.1").exists());

    let serve = page("belljar-serve.1");
    let help = run(["help", "serve"]).stdout;
    let flags = help
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--")?.split(' ').next());
    let missing: Vec<_> = flags
        .filter(|flag| !serve.contains(&format!("--{flag}")))
        .collect();
    assert!(missing.is_empty(), "the page lacks {missing:?}");
}

#[test]
fn says_why_pages_cannot_be_written() {
    let site = Site::new(&[("file", "")]);
    let ended = run(["man", &site.at("file").display().to_string()]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("cannot write manual pages into"),
        "{}",
        ended.stderr
    );
}
