//! File lookup on Linux: `open-at`, `stat-at` and `stat` of `wasi:filesystem/types`, on the guest's own thread.
//!
//! These functions replace those of wasmtime-wasi for three reasons. Opening a FIFO waits for its other end, and opening some
//! devices waits for hardware, which would block a thread: these functions open without waiting, and then refuse everything
//! but files and directories. A web server looks up missing files all day: these functions report one without an error
//! value, its allocation and its backtrace. And `stat` of a file that was just opened costs no system call.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, Dir};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, ErrorCode, OpenFlags, PathFlags,
};

use super::TYPES;
use super::last_opened::{LastOpened, split};
use super::open::{open_at, stat, stat_at};
use super::view::{FilesHost, FilesView};

type OpenAt = (
    Resource<Descriptor>,
    PathFlags,
    String,
    OpenFlags,
    DescriptorFlags,
);
type StatAt = (Resource<Descriptor>, PathFlags, String);

/// Links the functions in place of those that the linker has. If nothing is `writable`, opening a file creates and cuts
/// none, and is an ordinary function without the cost of a future.
pub(crate) fn link<T: FilesHost>(linker: &mut Linker<T>, writable: bool) -> wasmtime::Result<()> {
    let mut types = linker.instance(TYPES)?;
    match writable {
        false => types.func_wrap(
            OPEN_AT,
            |mut store: StoreContextMut<'_, T>, args: OpenAt| {
                Ok((open(&mut store.data_mut().files(), args)?,))
            },
        )?,
        true => types.func_wrap_async(
            OPEN_AT,
            |mut store: StoreContextMut<'_, T>, args: OpenAt| {
                Box::new(async move {
                    let mut view = store.data_mut().files();
                    if !args.3.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE) {
                        return Ok((open(&mut view, args)?,));
                    }
                    let (on, follow, path, open, flags) = args;
                    let opened = match view.directory(&on)? {
                        Ok(on) => {
                            let (on, path) = (on.clone(), path.clone());
                            let open = move || open_at(&on, follow, &path, open, flags);
                            view.work.run(view.account, open).await?
                        }
                        Err(code) => Err(code),
                    };
                    Ok((keep(&mut store.data_mut().files(), &on, path, opened)?,))
                })
            },
        )?,
    }
    types.func_wrap(
        STAT_AT,
        |mut store: StoreContextMut<'_, T>, (on, follow, path): StatAt| {
            let found = |on: &Dir| stat_at(on, follow, &path);
            Ok((look(&mut store.data_mut().files(), &on, &path, found)?,))
        },
    )?;
    types.func_wrap(
        STAT,
        |mut store: StoreContextMut<'_, T>, (of,): (Resource<Descriptor>,)| {
            let mut view = store.data_mut().files();
            match known(&mut view, &of)? {
                Some(found) => Ok((Ok(found),)),
                None => Ok((stat(view.table.get(&of)?),)),
            }
        },
    )
}

/// Opens a file or directory that exists.
fn open(
    view: &mut FilesView<'_>,
    (on, follow, path, open, flags): OpenAt,
) -> wasmtime::Result<Result<Resource<Descriptor>, ErrorCode>> {
    let what = |on: &Dir| open_at(on, follow, &path, open, flags);
    let opened = match open.intersects(OpenFlags::CREATE) {
        true => view.directory(&on)?.and_then(what),
        false => look(view, &on, &path, what)?,
    };
    keep(view, &on, path, opened)
}

/// Gives the guest a handle to a file or directory that was opened.
fn keep(
    view: &mut FilesView<'_>,
    on: &Resource<Descriptor>,
    path: String,
    opened: Result<(Descriptor, DescriptorStat), ErrorCode>,
) -> wasmtime::Result<Result<Resource<Descriptor>, ErrorCode>> {
    let (descriptor, stat) = match opened {
        Ok(opened) => opened,
        Err(code) => return Ok(Err(code)),
    };
    if let (Descriptor::File(file), Descriptor::Dir(on)) = (&descriptor, view.table.get(on)?) {
        *view.last_opened = Some(LastOpened::new(file, stat, on, path));
    }
    view.keep(descriptor)
}

/// The attributes of a file that was just opened, if they are known.
fn known(
    view: &mut FilesView<'_>,
    handle: &Resource<Descriptor>,
) -> wasmtime::Result<Option<DescriptorStat>> {
    Ok(match (view.table.get(handle)?, &mut *view.last_opened) {
        (Descriptor::File(file), Some(opened)) => opened.take_stat(file),
        _ => None,
    })
}

/// Looks a file up, unless it would lie beside the file opened last and is known not to exist.
///
/// Opening that file has shown that the path to the folder stays within the directory, and the negative cache reveals
/// nothing but the absence of a name.
fn look<T>(
    view: &mut FilesView<'_>,
    on: &Resource<Descriptor>,
    path: &str,
    look: impl FnOnce(&Dir) -> Result<T, ErrorCode>,
) -> wasmtime::Result<Result<T, ErrorCode>> {
    let Descriptor::Dir(on) = view.table.get(on)? else {
        return Ok(Err(ErrorCode::NotDirectory));
    };
    let (folder, name) = split(path);
    let folder = match &mut *view.last_opened {
        Some(opened) if !["", ".", ".."].contains(&name) => opened.folder(on, folder),
        _ => None,
    };
    let Some(folder) = folder else {
        return Ok(look(on));
    };
    if view.negative_cache.contains(&folder, name) {
        return Ok(Err(ErrorCode::NoEntry));
    }
    let found = look(on);
    // A symbolic link that leads nowhere exists all the same, and may lead somewhere soon.
    if matches!(found, Err(ErrorCode::NoEntry))
        && let Err(ErrorCode::NoEntry) = stat_at(on, PathFlags::empty(), path)
    {
        view.negative_cache.insert(&folder, name);
    }
    Ok(found)
}

const OPEN_AT: &str = "[method]descriptor.open-at";
const STAT: &str = "[method]descriptor.stat";
const STAT_AT: &str = "[method]descriptor.stat-at";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use wasmtime::component::ResourceTable;
    use wasmtime_wasi::{FsPerms, OpenMode};

    use super::super::negative_cache::NegativeCache;
    use super::super::work::FileWork;
    use super::*;
    use crate::account::ledger::Account;
    use crate::wasi::open_files::OpenFiles;

    /// The clock of the cache is ahead, so that folders which were just created count as settled.
    #[test]
    fn finds_a_copy_that_was_created_after_its_absence_was_remembered() {
        let site = tempfile::tempdir().unwrap();
        let at = |name: &str| site.path().join(name);
        for folder in ["folder", "elsewhere"] {
            fs::create_dir(at(folder)).unwrap();
        }
        let root = root(site.path());
        let mut table = ResourceTable::new();
        let handle = table.push(Descriptor::Dir(root.clone())).unwrap();
        let negative_cache = NegativeCache::new(|| SystemTime::now() + Duration::from_secs(60));
        // Each copy is looked up as in a request of its own.
        let mut exists = |file: &str, copy: &str| {
            let mut view = FilesView {
                table: &mut table,
                account: &Account::server(),
                open_files: &mut OpenFiles::default(),
                last_opened: &mut Some(opened(&root, file)),
                negative_cache: &negative_cache,
                work: &FileWork::new(),
            };
            let stat = |on: &Dir| stat_at(on, PathFlags::SYMLINK_FOLLOW, copy);
            match look(&mut view, &handle, copy, stat).unwrap() {
                Ok(_) => true,
                Err(ErrorCode::NoEntry) => false,
                Err(code) => panic!("{copy}: {code:?}"),
            }
        };
        let is_remembered = |file: &str, copy: &str| {
            let (folder, name) = split(copy);
            let folder = opened(&root, file).folder(&root, folder).unwrap();
            negative_cache.contains(&folder, name)
        };
        for (file, target) in [
            ("a.js", "elsewhere/later"),
            ("folder/a.js", "../elsewhere/later"),
        ] {
            let copy = |extension: &str| format!("{file}.{extension}");
            fs::write(at(file), "plain").unwrap();
            assert!(!exists(file, &copy("br")));
            assert!(is_remembered(file, &copy("br")));

            wait_for_another_time(at(file).parent().unwrap());
            symlink(target, at(&copy("gz"))).unwrap();
            assert!(!exists(file, &copy("gz")), "the link leads nowhere");
            assert!(
                !is_remembered(file, &copy("gz")),
                "the link may lead somewhere soon"
            );
            assert!(!exists(file, &copy("br")));
            assert!(is_remembered(file, &copy("br")));

            // This changes neither the link nor its folder.
            fs::write(at("elsewhere/later"), "gzip").unwrap();
            assert!(exists(file, &copy("gz")));

            wait_for_another_time(at(file).parent().unwrap());
            fs::write(at(&copy("br")), "brotli").unwrap();
            assert!(exists(file, &copy("br")));
            fs::remove_file(at("elsewhere/later")).unwrap();
        }
    }

    fn root(path: &Path) -> Dir {
        let folder = fs::File::open(path).unwrap();
        Dir::new(folder, FsPerms::ReadOnly, OpenMode::READ, true)
    }

    /// The file as a guest has opened it.
    fn opened(root: &Dir, path: &str) -> LastOpened {
        let (follow, flags) = (PathFlags::SYMLINK_FOLLOW, DescriptorFlags::READ);
        let open = open_at(root, follow, path, OpenFlags::empty(), flags);
        let Ok((Descriptor::File(file), stat)) = open else {
            panic!("{path} is a file");
        };
        LastOpened::new(&file, stat, root, path.into())
    }

    /// Returns when a change to the folder gets another time than its last change: the clock of a file system ticks
    /// every few milliseconds, or less often.
    fn wait_for_another_time(folder: &Path) {
        let last = fs::metadata(folder).unwrap();
        let probe = tempfile::NamedTempFile::new().unwrap();
        loop {
            fs::write(probe.path(), "x").unwrap();
            let now = probe.as_file().metadata().unwrap();
            if (now.ctime(), now.ctime_nsec()) > (last.ctime(), last.ctime_nsec()) {
                return;
            }
        }
    }
}
