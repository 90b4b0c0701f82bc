//! The error pages that `--dev` shows to the developers of a handler.
//!
//! A page shows everything known about a failure. All text that a handler, a request or a component can influence is
//! escaped.

use std::fmt::{self, Display, Write as _};

use super::live_reload::Build;
use super::route_target::{ActiveHandler, MissingHandler};
use crate::config::units;
use belljar_http::settings::Settings;
use belljar_http::{Body, Response};
use belljar_sandbox::{Failed, Limits};

/// The page of a handler that failed. `line` is the request's method, target and version.
pub(super) fn failure(
    failed: &Failed,
    active: &ActiveHandler,
    line: &str,
    status: u16,
) -> Response {
    Page::of_failure(failed, active, line).response(status)
}

/// The page of a handler that is not live, with the reason why its component was refused.
pub(super) fn missing(
    missing: &MissingHandler,
    reason: &str,
    line: &str,
    status: u16,
    build: Option<&Build>,
) -> Response {
    Page::of_missing(missing, reason, line, build).response(status)
}

struct Page(String);

impl Page {
    fn of_failure(failed: &Failed, active: &ActiveHandler, line: &str) -> Self {
        let reason = failed.failure.to_string();
        let (summary, backtrace) = reason.split_once('\n').unwrap_or((&reason, ""));
        let mut page = Self::new(&active.name, summary, line);
        page.refused(active.refused.as_deref());
        page.block("Backtrace", backtrace);
        let output = failed.output.as_deref().unwrap_or_default();
        page.block("Standard output and error of this request", output);
        page.limits(active.handler.limits());
        page
    }

    fn of_missing(
        missing: &MissingHandler,
        reason: &str,
        line: &str,
        build: Option<&Build>,
    ) -> Self {
        let (summary, title, text) = match build {
            Some(Build::Running) => ("the first build is running", "", ""),
            Some(Build::Failed(output)) => ("the build failed", "Output of the build", &output[..]),
            Some(Build::Done) | None => (
                "the handler is not live",
                "Why the component was refused",
                reason,
            ),
        };
        let mut page = Self::new(&missing.name, summary, line);
        page.block(title, text);
        page
    }

    fn new(handler: &str, summary: &str, line: &str) -> Self {
        let (handler, summary, line) = (Escaped(handler), Escaped(summary), Escaped(line));
        Self(format!(
            "<!doctype html>\n<html lang=\"en\" data-belljar-error>\n<meta charset=\"utf-8\">\n<title>{handler}: {summary}</title>\n\
             <style>{STYLE}</style>\n<h1>{summary}</h1>\n<p>Handler: <b>{handler}</b><br>Request: <code>{line}</code></p>\n"
        ))
    }

    fn refused(&mut self, reason: Option<&str>) {
        if let Some(reason) = reason {
            self.block(
                "This is an older version: the newest build was refused for this reason",
                reason,
            );
        }
    }

    fn block(&mut self, title: &str, text: &str) {
        if !text.is_empty() {
            let text = Escaped(text);
            self.push(format_args!("<h2>{title}</h2>\n<pre>{text}</pre>\n"));
        }
    }

    fn limits(&mut self, limits: &Limits) {
        self.push(format_args!("<h2>Limits</h2>\n<table>\n"));
        for (setting, value) in Limits::TABLE.iter().zip(limits.values()) {
            let value = units::show(setting.kind, value);
            self.push(format_args!("<tr><th>{}<td>{value}\n", setting.name));
        }
        self.push(format_args!("</table>\n"));
    }

    fn push(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.0.write_fmt(text);
    }

    fn response(mut self, status: u16) -> Response {
        self.push(format_args!(
            "<p class=\"foot\">This page is shown because the server runs with --dev.</p>\n"
        ));
        let fields = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("X-Content-Type-Options", "nosniff"),
            // Even if an escape is ever forgotten, no script runs.
            (
                "Content-Security-Policy",
                "default-src 'none'; style-src 'unsafe-inline'",
            ),
            ("Cache-Control", "no-store"),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.into()));
        Response::new(status, fields.into(), Body::Bytes(self.0.into()))
            .unwrap_or_else(|_| Response::error(status))
    }
}

/// Text, escaped for HTML.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c if c.is_control() && !c.is_whitespace() => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
                     h1{font-size:1.4rem}h2{font-size:1.1rem}pre{overflow:auto;padding:1rem;background:#8882}\
                     th{text-align:left;font-weight:normal;padding-right:2rem}.foot{color:#888}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_text_from_handlers_requests_and_components() {
        let evil = "<script>\"'&\u{1b}";
        let missing = MissingHandler {
            name: evil.into(),
            reason: Some(evil.into()),
        };
        let page = Page::of_missing(&missing, evil, evil, None).0;
        assert!(!page.contains("<script"), "{page}");
        assert!(
            page.contains("&lt;script&gt;&quot;&#39;&amp;\u{fffd}"),
            "{page}"
        );
    }
}
