//! The operator's settings, from environment variables.

use alloc::borrow::Cow;
use alloc::string::String;

/// The settings. Without variables they are the defaults, which need no allocation.
#[derive(Debug, PartialEq, Eq)]
pub struct Settings {
    /// `BELLJAR_INDEX`: the default page of a directory, `index.html` if unset. If it is empty, directories have none.
    pub index: Cow<'static, str>,
    /// `BELLJAR_LISTING=1`: list the files of a directory that has no default page.
    pub listing: bool,
    /// `BELLJAR_SPA`: the page, relative to the root, to send for pages that do not exist.
    pub single_page: Option<String>,
    /// `BELLJAR_CACHE_CONTROL`: the Cache-Control field of files. If it is empty, files have none.
    ///
    /// The default, `no-cache`, lets a cache store a file but makes it revalidate the file for each request. That costs a
    /// 304, and never combines a page with the style sheet of another release. A server cannot know how long a file stays
    /// the same; an operator whose file names change with their content can set a longer time.
    pub cache_control: Cow<'static, str>,
    /// `BELLJAR_DOTFILES=1`: also serve files and folders whose names begin with a dot.
    pub dotfiles: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            index: Cow::Borrowed("index.html"),
            listing: false,
            single_page: None,
            cache_control: Cow::Borrowed("no-cache"),
            dotfiles: false,
        }
    }
}

impl Settings {
    /// Reads the variables and ignores all others.
    pub fn from_environment(variables: impl IntoIterator<Item = (String, String)>) -> Settings {
        let mut settings = Settings::default();
        for (name, value) in variables {
            match name.as_str() {
                "BELLJAR_INDEX" => settings.index = Cow::Owned(value),
                "BELLJAR_LISTING" => settings.listing = is_on(&value),
                "BELLJAR_SPA" => {
                    let page = value.trim_start_matches('/');
                    settings.single_page = (!page.is_empty()).then(|| String::from(page));
                }
                // An invalid field value would turn every response into a 500.
                "BELLJAR_CACHE_CONTROL"
                    if value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) =>
                {
                    settings.cache_control = Cow::Owned(String::from(value.trim()));
                }
                "BELLJAR_DOTFILES" => settings.dotfiles = is_on(&value),
                _ => {}
            }
        }
        settings
    }
}

fn is_on(value: &str) -> bool {
    matches!(value, "1" | "true" | "yes" | "on")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_variables() {
        let read = |pairs: &[(&str, &str)]| {
            Settings::from_environment(
                pairs
                    .iter()
                    .map(|(name, value)| ((*name).into(), (*value).into())),
            )
        };
        assert_eq!(read(&[]), Settings::default());
        assert_eq!(
            read(&[("PATH", "/bin"), ("BELLJAR_UNKNOWN", "1")]),
            Settings::default()
        );
        for (name, value, expected) in [
            (
                "BELLJAR_INDEX",
                "home.htm",
                Settings {
                    index: "home.htm".into(),
                    ..Settings::default()
                },
            ),
            (
                "BELLJAR_INDEX",
                "",
                Settings {
                    index: "".into(),
                    ..Settings::default()
                },
            ),
            (
                "BELLJAR_LISTING",
                "1",
                Settings {
                    listing: true,
                    ..Settings::default()
                },
            ),
            ("BELLJAR_LISTING", "0", Settings::default()),
            (
                "BELLJAR_SPA",
                "/app.html",
                Settings {
                    single_page: Some("app.html".into()),
                    ..Settings::default()
                },
            ),
            ("BELLJAR_SPA", "", Settings::default()),
            (
                "BELLJAR_DOTFILES",
                "true",
                Settings {
                    dotfiles: true,
                    ..Settings::default()
                },
            ),
            (
                "BELLJAR_CACHE_CONTROL",
                "max-age=60",
                Settings {
                    cache_control: "max-age=60".into(),
                    ..Settings::default()
                },
            ),
            (
                "BELLJAR_CACHE_CONTROL",
                "",
                Settings {
                    cache_control: "".into(),
                    ..Settings::default()
                },
            ),
            ("BELLJAR_CACHE_CONTROL", "a\r\nb: c", Settings::default()),
        ] {
            assert_eq!(read(&[(name, value)]), expected, "{name}={value}");
        }
    }
}
