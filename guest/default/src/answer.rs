//! From a request to a response.

use crate::coding;
use crate::conditions::{Validators, Verdict};
use crate::error_page::{self, Problem};
use crate::etag::ETag;
use crate::files::{Files, Kind, Opened, Time};
use crate::media::Media;
use crate::multipart::{self, content_range};
use crate::path::SitePath;
use crate::range::Selection;
use crate::request::{Conditions, Method, Request};
use crate::resolve::{Found, resolve};
use crate::response::Response;
use crate::settings::Settings;
use crate::{date, listing, redirect, single_page};

/// Answers a request with a file of the site, or with an error page.
pub fn answer<F: Files>(files: &F, settings: &Settings, request: Request) -> Response<F::File> {
    let answered = match request.method {
        Method::Get | Method::Head => serve(files, settings, request),
        Method::Options => Ok(Response::new(204).field("Allow", error_page::ALLOW)),
        Method::Refused => Err(Problem::MethodNotAllowed),
        Method::Unknown => Err(Problem::NotImplemented),
    };
    answered.unwrap_or_else(|problem| error_page::respond(files, problem))
}

fn serve<F: Files>(
    files: &F,
    settings: &Settings,
    request: Request,
) -> Result<Response<F::File>, Problem> {
    let path = SitePath::parse(request.path)?;
    let conditions = Conditions::of(request.fields);
    let delivery = Delivery {
        files,
        settings,
        method: request.method,
        conditions: &conditions,
    };
    match resolve(files, settings, &path) {
        Ok(Found::File(path, opened)) => delivery.deliver(&path, opened, false),
        Ok(Found::Listing(directory)) => Ok(listing::respond(
            files,
            settings,
            &path.relative,
            &directory,
        )?),
        Ok(Found::WithoutSlash) => Ok(redirect::respond(&request)),
        Err(Problem::NotFound) if !path.is_hidden => delivery.deliver_single_page(&path),
        Err(problem) => Err(problem),
    }
}

/// Everything that decides how a file is sent.
struct Delivery<'a, F> {
    files: &'a F,
    settings: &'a Settings,
    method: Method,
    conditions: &'a Conditions<'a>,
}

impl<F: Files> Delivery<'_, F> {
    fn deliver_single_page(&self, missing: &SitePath) -> Result<Response<F::File>, Problem> {
        let page = self
            .settings
            .single_page
            .as_deref()
            .ok_or(Problem::NotFound)?;
        if !single_page::is_wanted(&missing.relative, self.conditions.accept.as_deref()) {
            return Err(Problem::NotFound);
        }
        let opened = self.files.open(page)?;
        match opened.stat.kind {
            Kind::File => self.deliver(page, opened, true),
            _ => Err(Problem::NotFound),
        }
    }

    /// Answers with the file at `path`, with a range of it, or with 304 if the client already has it.
    fn deliver(
        &self,
        path: &str,
        opened: Opened<F::File>,
        accept_decided: bool,
    ) -> Result<Response<F::File>, Problem> {
        let media = Media::of(path);
        // Even if there is no compressed copy now: a cache may keep the response until there is one.
        let varies = media.is_compressible;
        let (Opened { file, stat }, coding) = if varies {
            let accepted = self.conditions.accept_encoding.as_deref();
            coding::choose(self.files, path, opened, accepted)
        } else {
            (opened, None)
        };
        let validators = Validators {
            etag: ETag::of(&stat, coding),
            modified: stat.modified.and_then(seconds),
        };
        let vary = match (varies, accept_decided) {
            (true, true) => Some("Accept-Encoding, Accept"),
            (true, false) => Some("Accept-Encoding"),
            (false, true) => Some("Accept"),
            (false, false) => None,
        };
        let cache_control = Some(&*self.settings.cache_control).filter(|value| !value.is_empty());
        match validators.evaluate(self.conditions) {
            Verdict::Proceed => {}
            Verdict::Failed => return Err(Problem::PreconditionFailed),
            Verdict::NotModified => {
                return Ok(Response::new(304)
                    .field("ETag", validators.etag.as_str())
                    .field_if_some("Cache-Control", cache_control)
                    .field_if_some("Vary", vary));
            }
        }
        let head = |status, content_type: &str| {
            Response::new(status)
                .field("Content-Type", content_type)
                .field_if_some("Content-Encoding", coding.map(|coding| coding.name()))
                .field_if_some(
                    "Last-Modified",
                    validators
                        .modified
                        .map(|time| self.date_no_later_than_now(time, stat.changed)),
                )
                .field("ETag", validators.etag.as_str())
                .field("Accept-Ranges", "bytes")
                .field_if_some("Cache-Control", cache_control)
                .field_if_some("Vary", vary)
        };
        // Range has no meaning for HEAD (RFC 9110, section 14.2).
        let range = match (self.method, self.conditions.range.as_deref()) {
            (Method::Get, Some(range)) if validators.allow_range(self.conditions) => range,
            _ => return Ok(head(200, media.name).file(file, 0, stat.size)),
        };
        match Selection::parse(range, stat.size) {
            Selection::Whole => Ok(head(200, media.name).file(file, 0, stat.size)),
            Selection::One(span) => Ok(head(206, media.name)
                .field("Content-Range", content_range(span, stat.size))
                .file(file, span.offset, span.length)),
            Selection::Several(spans) => {
                let etag = &validators.etag;
                let parts =
                    multipart::assemble(self.files, &file, &spans, stat.size, media.name, etag)?;
                Ok(head(206, &parts.content_type).bytes(parts.bytes))
            }
            Selection::Unsatisfiable => Err(Problem::RangeNotSatisfiable(stat.size)),
        }
    }

    /// Last-Modified, which must not be in the future (RFC 9110, section 8.8.2.1).
    ///
    /// Programs can set a modification time freely; only the system sets the time of the last status change. A
    /// modification time that is not later than the status change is therefore in the past, and the guest need not call
    /// the host for the time. (Both may be in the future if the clock was set back after the file changed.)
    fn date_no_later_than_now(&self, time: i64, changed: Option<Time>) -> alloc::string::String {
        let is_past = changed
            .and_then(seconds)
            .is_some_and(|changed| time <= changed);
        date::format(match is_past {
            true => time,
            false => time.min(self.files.now()),
        })
    }
}

/// A time of 0 means that the file has none.
fn seconds(time: Time) -> Option<i64> {
    i64::try_from(time.seconds)
        .ok()
        .filter(|seconds| *seconds != 0)
}
