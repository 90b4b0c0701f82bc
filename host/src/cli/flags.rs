//! Flags that are made from a table of settings.

use belljar::config::{settings, units};
use belljar_http::settings::{Kind, Setting, Settings, Value};
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches, Id};

/// The settings of a table, from the command line.
///
/// A flag that two tables share is one flag, which sets both.
#[derive(Debug, Clone, Default)]
pub struct SettingFlags<S> {
    pub settings: S,
    /// The settings that the command line has.
    pub given: Vec<&'static Setting>,
}

impl<S: Settings> Args for SettingFlags<S> {
    fn augment_args(mut command: Command) -> Command {
        for (setting, default) in settings::defaults::<S>() {
            let is_shared = |arg: &Arg| arg.get_id() == setting.name;
            if !command.get_arguments().any(is_shared) {
                command = command.arg(flag(setting, default).help_heading(S::TITLE));
            }
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: Settings> FromArgMatches for SettingFlags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut flags = Self {
            settings: S::default(),
            given: Vec::new(),
        };
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for setting in S::TABLE {
            let Some(value) = matches.get_one::<Value>(setting.name) else {
                continue;
            };
            if !self.settings.set(setting.name, *value) {
                let message = format!("--{}: {}\n", setting.name, units::TOO_LARGE);
                return Err(Error::raw(ErrorKind::ValueValidation, message));
            }
            self.given.push(setting);
        }
        Ok(())
    }
}

/// The names of these flags, for another flag that conflicts with them.
pub fn ids<F: Args>() -> Vec<Id> {
    let command = F::augment_args(Command::new("flags"));
    let arguments = command.get_arguments();
    arguments
        .map(|argument| argument.get_id().clone())
        .collect()
}

fn flag(setting: &'static Setting, default: Option<String>) -> Arg {
    let description = setting.description();
    let mut help = description.trim_end_matches('.').to_owned();
    if let Some(default) = default.as_deref().or(setting.default) {
        help += &format!(" [default: {default}]");
    }
    if let Some(range) = units::range(setting.kind) {
        help += &format!(" [range: {range}]");
    }
    Arg::new(setting.name)
        .long(setting.name)
        .value_name(match setting.kind {
            Kind::Time { .. } => "TIME",
            Kind::Size { .. } => "SIZE",
            Kind::Count { .. } => "N",
            Kind::Rate => "RATE",
        })
        .help(help)
        .value_parser(|text: &str| units::parse(setting.kind, text))
}

/// How the values of flags are written, for the end of a command's help.
pub const VALUES: &str = "\
Values:
  TIME  30s, 500ms, 2min or `1m 30s`
  SIZE  64MiB, 1GB or a number of bytes
  RATE  100/s, 10/min or 1000/h; with a burst, `100/s burst 500`. The burst is how many requests may
        arrive at once after a pause: by default the number before the slash";

#[cfg(test)]
mod tests {
    use belljar_sandbox::Limits;

    use super::*;
    use belljar::config::settings::ServerLimits;

    fn command() -> Command {
        let command = SettingFlags::<ServerLimits>::augment_args(Command::new("test"));
        SettingFlags::<Limits>::augment_args(command)
    }

    fn error(flags: &[&str]) -> String {
        let arguments = ["test"].iter().chain(flags);
        let outcome = command().try_get_matches_from(arguments);
        outcome.expect_err("a wrong value").to_string()
    }

    #[test]
    fn sets_a_shared_setting_in_both_tables() {
        let matches = command().get_matches_from(["test", "--max-instances", "7", "--cpu", "1s"]);
        let server = SettingFlags::<ServerLimits>::from_arg_matches(&matches).unwrap();
        let handler = SettingFlags::<Limits>::from_arg_matches(&matches).unwrap();
        assert_eq!(server.settings.max_instances, 7);
        assert_eq!(handler.settings.max_instances, 7);
        let names: Vec<_> = handler.given.iter().map(|setting| setting.name).collect();
        assert_eq!(names, ["cpu", "max-instances"]);
    }

    #[test]
    fn rejects_values_like_the_keys() {
        for (flag, value, reason) in [
            ("--max-handles", "0", "it has to be 1 to 1000000"),
            ("--memory", "1KiB", "it has to be 64KiB or more"),
            ("--timeout", "0s", "it has to be more than 0s"),
            ("--rate", "fast", "write it as 100/s"),
        ] {
            let error = error(&[flag, value]);
            for part in [flag, value, reason] {
                assert!(error.contains(part), "{error}");
            }
        }
    }

    #[test]
    fn help_names_default_and_range() {
        let help = command().render_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for line in [
            "504 [default: 30s]",
            "[default: 256] [range: 1 to 1000000]",
            "[default: no limit]",
        ] {
            assert!(help.contains(line), "{line}: {help}");
        }
    }
}
