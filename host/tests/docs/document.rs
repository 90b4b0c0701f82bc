//! Reads a document as a list of steps.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, LinkType, Parser, Tag, TagEnd};

/// A document in Markdown.
#[derive(Debug)]
pub struct Document {
    pub steps: Vec<Step>,
}

/// What a reader does at one place of a document. Lines count from 1.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Opens a new terminal.
    Section(String),
    Run(Commands),
    /// Runs commands in a checkout of the repository.
    Checkout(Commands),
    NotRun {
        line: usize,
        reason: String,
    },
    File {
        path: String,
        text: String,
        append: bool,
    },
    Output {
        line: usize,
        text: String,
    },
    /// Opens an address in a browser.
    Open(String),
}

#[derive(Debug, PartialEq)]
pub struct Commands {
    /// The line of the fence.
    pub line: usize,
    pub text: String,
}

impl Document {
    /// # Errors
    ///
    /// Fails with the line of a block that does not say what it is.
    pub fn parse(text: &str) -> Result<Document, String> {
        let line_of = |place: &Range<usize>| text[..place.start].matches('\n').count() + 1;
        let mut steps = Vec::new();
        let mut events = Parser::new(text).into_offset_iter();
        while let Some((event, place)) = events.next() {
            let line = line_of(&place);
            match event {
                Event::Start(Tag::Heading { level, .. }) if level <= HeadingLevel::H2 => {
                    let title = gather(&mut events, TagEnd::Heading(level));
                    steps.push(Step::Section(title));
                }
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(fence))) => {
                    let code = gather(&mut events, TagEnd::CodeBlock);
                    let step = block(&fence, code, line);
                    steps.extend(step.map_err(|error| format!("{line}: {error}"))?);
                }
                Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => {
                    return Err(format!(
                        "{line}: this block is indented; put it into a fence that names its language"
                    ));
                }
                Event::Html(html) => steps.extend(hidden(&html, line)),
                Event::Start(Tag::Link {
                    link_type: LinkType::Autolink,
                    dest_url,
                    ..
                }) if dest_url.starts_with("http://127.0.0.1:") => {
                    steps.push(Step::Open(dest_url.into_string()));
                }
                _ => {}
            }
        }
        Ok(Document { steps })
    }
}

/// The text up to the end of an element.
fn gather<'a>(events: &mut impl Iterator<Item = (Event<'a>, Range<usize>)>, end: TagEnd) -> String {
    let inner = events
        .map(|(event, _)| event)
        .take_while(|event| *event != Event::End(end));
    inner
        .filter_map(|event| match event {
            Event::Text(text) | Event::Code(text) => Some(text.into_string()),
            _ => None,
        })
        .collect()
}

/// The step of a code block. `None` for an extract.
fn block(fence: &str, text: String, line: usize) -> Result<Option<Step>, String> {
    let (language, rest) = fence.split_once(' ').unwrap_or((fence, ""));
    let file = |path: &str, append| Step::File {
        path: path.to_owned(),
        text: text.clone(),
        append,
    };
    let step = match (language, rest.trim()) {
        ("", _) => return Err("this block does not name its language".into()),
        ("sh", "") => Step::Run(Commands { line, text }),
        ("sh", "checkout") => Step::Checkout(Commands { line, text }),
        ("text", "output") => Step::Output { line, text },
        (_, "") => return Ok(None),
        (_, rest) => {
            if let Some(reason) = rest.strip_prefix("not run: ") {
                let reason = reason.to_owned();
                Step::NotRun { line, reason }
            } else if let Some(path) = rest.strip_prefix("file=") {
                file(path, false)
            } else if let Some(path) = rest.strip_prefix("append=") {
                file(path, true)
            } else {
                return Err(format!("`{rest}` says nothing that the test knows"));
            }
        }
    };
    Ok(Some(step))
}

/// The commands in a comment.
fn hidden(html: &str, line: usize) -> Option<Step> {
    let commands = html.trim().strip_prefix("<!-- before: ")?;
    let text = commands.strip_suffix(" -->")?.to_owned();
    Some(Step::Run(Commands { line, text }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_each_kind_of_step() {
        let text = "# A `title`\n\n<!-- before: mkdir a -->\n\n```sh\nls\n```\n\n```toml file=a/b.toml\nc = 1\n```\n\n\
                    ```text output\nx\n```\n\nOpen <http://127.0.0.1:8080/>.\n\n### Below\n\n- ```sh not run: no disk\n  df\n  ```\n\n\
                    ```rust\nfn main() {}\n```\n";
        let run = |line, text: &str| {
            let text = text.to_owned();
            Step::Run(Commands { line, text })
        };
        let steps = Document::parse(text).expect("a document").steps;
        let expected = [
            Step::Section("A title".into()),
            run(3, "mkdir a"),
            run(5, "ls\n"),
            Step::File {
                path: "a/b.toml".into(),
                text: "c = 1\n".into(),
                append: false,
            },
            Step::Output {
                line: 13,
                text: "x\n".into(),
            },
            Step::Open("http://127.0.0.1:8080/".into()),
            Step::NotRun {
                line: 21,
                reason: "no disk".into(),
            },
        ];
        assert_eq!(steps, expected);
    }

    #[test]
    fn rejects_blocks_that_do_not_say_what_they_are() {
        for (text, reason) in [
            ("a\n\n    ls\n", "3: this block is indented"),
            ("```\nls\n```\n", "1: this block does not name"),
            ("```sh sometimes\nls\n```\n", "`sometimes` says nothing"),
        ] {
            let error = Document::parse(text).expect_err("a reason");
            assert!(error.contains(reason), "{error}");
        }
    }
}
