//! belljar.toml: every file is either understood or refused with positions that lie in it.

use std::path::Path;

use belljar::config::Config;

pub fn run(data: &[u8]) {
    let path = Path::new("/nowhere/belljar.toml");
    let read = Config::parse_bytes(data.to_vec(), path);
    let again = Config::parse_bytes(data.to_vec(), path);
    assert_eq!(read, again, "{}", data.escape_ascii());
    let text = std::str::from_utf8(data);
    let is_toml = text.is_ok_and(|text| text.parse::<toml::Table>().is_ok());
    match read {
        Ok(config) => {
            assert!(is_toml, "this is not TOML: {}", data.escape_ascii());
            assert!(!config.server.listen.is_empty(), "{config:?}");
        }
        Err(problems) => {
            let text = text.unwrap_or_default();
            let lines = text.split('\n').count();
            for problem in problems.iter() {
                let is_within = problem.position.is_none_or(|position| {
                    (1..=lines).contains(&position.line) && position.column >= 1
                });
                assert!(is_within, "{problem}: {}", data.escape_ascii());
                assert!(!problem.message.is_empty(), "{}", data.escape_ascii());
            }
            let says_not_toml = problems
                .iter()
                .any(|problem| problem.message.starts_with("this is not TOML"));
            assert!(
                !(is_toml && says_not_toml),
                "this is TOML: {}",
                data.escape_ascii()
            );
        }
    }
}
