//! From a path to a file, a directory to list, or a redirect.

use crate::error_page::Problem;
use crate::files::{Failure, Files, Kind, Opened};
use crate::path::SitePath;
use crate::settings::Settings;
use alloc::borrow::Cow;
use alloc::string::String;

/// The result of looking up a path.
#[derive(Debug)]
pub enum Found<'a, F> {
    /// A regular file and its path.
    File(Cow<'a, str>, Opened<F>),
    /// A directory to list: it has no default page.
    Listing(F),
    /// A directory whose path has no trailing slash.
    WithoutSlash,
}

/// Looks up `path`. It is opened first, so a file takes one lookup.
pub fn resolve<'a, F: Files>(
    files: &F,
    settings: &Settings,
    path: &'a SitePath,
) -> Result<Found<'a, F::File>, Problem> {
    if path.is_hidden && !settings.dotfiles {
        return Err(Problem::NotFound);
    }
    if path.is_directory {
        return resolve_directory(files, settings, &path.relative);
    }
    let opened = files.open(&path.relative)?;
    match opened.stat.kind {
        Kind::File => Ok(Found::File(Cow::Borrowed(&path.relative), opened)),
        Kind::Directory => Ok(Found::WithoutSlash),
        Kind::Link | Kind::Other => Err(Problem::NotFound),
    }
}

fn resolve_directory<'a, F: Files>(
    files: &F,
    settings: &Settings,
    directory: &str,
) -> Result<Found<'a, F::File>, Problem> {
    if !settings.index.is_empty() {
        let mut page = String::with_capacity(directory.len() + 1 + settings.index.len());
        if !directory.is_empty() {
            page.push_str(directory);
            page.push('/');
        }
        page.push_str(&settings.index);
        match files.open(&page) {
            Ok(opened) if opened.stat.kind == Kind::File => {
                return Ok(Found::File(Cow::Owned(page), opened));
            }
            Ok(_) | Err(Failure::Missing) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    if !settings.listing {
        return Err(Problem::NotFound);
    }
    let opened = files.open(if directory.is_empty() { "." } else { directory })?;
    match opened.stat.kind {
        Kind::Directory => Ok(Found::Listing(opened.file)),
        _ => Err(Problem::NotFound),
    }
}
