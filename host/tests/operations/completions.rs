//! `belljar completions`: scripts for shells.

use std::process::Command;

use crate::support::{run, run_command};

#[test]
fn writes_a_script_for_each_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ended = run(["completions", shell]);
        assert_eq!(
            (ended.code, ended.stderr.as_str()),
            (Some(0), ""),
            "{shell}"
        );
        // A command, a flag of its own, and a flag from the table of limits.
        for word in ["serve", "handlers", "max-handles"] {
            assert!(ended.stdout.contains(word), "{shell} lacks {word}");
        }
        // `compile` is for the program itself, and has no completions.
        assert!(!ended.stdout.contains("belljar__compile"), "{shell}");
    }
    let unknown = run(["completions", "cmd"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("bash"), "{}", unknown.stderr);
}

/// As bash does when a user presses the tab key.
#[test]
fn bash_completes_commands_flags_and_values() {
    let script = run(["completions", "bash"]).stdout;
    for (words, expected) in [
        ("belljar se", "serve"),
        ("belljar serve --handl", "--handlers"),
        ("belljar new hello --lang py", "python"),
        ("belljar completions fi", "fish"),
    ] {
        let count = words.split(' ').count();
        let asked = format!(
            "{script}\nCOMP_WORDS=({words}) COMP_CWORD={last}\n\
             _belljar belljar \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{before}]}}\"\necho \"${{COMPREPLY[@]}}\"",
            last = count - 1,
            before = count - 2
        );
        let ended = run_command(Command::new("bash").args(["-c", &asked]));
        let offered: Vec<_> = ended.stdout.split_whitespace().collect();
        assert!(offered.contains(&expected), "{words}: {ended:?}");
    }
}
