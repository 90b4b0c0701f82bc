//! File lookup on Linux: `open-at`, `stat-at` and `stat` of `wasi:filesystem/types`.
//!
//! These functions replace those of wasmtime-wasi for three reasons. Opening a FIFO waits for its other end, and opening some
//! devices waits for hardware, which would block a thread: these functions open without waiting, and then refuse everything
//! but files and directories. A web server looks up missing files all day: these functions report one without an error
//! value, its allocation and its backtrace. And `stat` of a file that was just opened costs no system call.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceTable};
use wasmtime_wasi::filesystem::{Descriptor, Dir};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, ErrorCode, OpenFlags, PathFlags,
};

use super::last_opened::{LastOpened, split};
use super::negative_cache::NegativeCache;
use super::open::{open_at, stat, stat_at};

/// The host state of an instance that looks up files.
pub(crate) trait LookupHost: Send + 'static {
    fn lookup(&mut self) -> LookupView<'_>;
}

/// The part of an instance's host state that lookups need.
pub(crate) struct LookupView<'a> {
    pub table: &'a mut ResourceTable,
    pub last_opened: &'a mut Option<LastOpened>,
    pub negative_cache: &'a NegativeCache,
}

type OpenAt = (
    Resource<Descriptor>,
    PathFlags,
    String,
    OpenFlags,
    DescriptorFlags,
);
type StatAt = (Resource<Descriptor>, PathFlags, String);

/// Links the functions in place of those that the linker has. If `on_thread`, they may run on the guest's own thread (see
/// [`FileSystem`](super::FileSystem)), as ordinary functions without the cost of a future.
pub(crate) fn link<T: LookupHost>(linker: &mut Linker<T>, on_thread: bool) -> wasmtime::Result<()> {
    let mut types = linker.instance(TYPES)?;
    if on_thread {
        types.func_wrap(
            OPEN_AT,
            |mut store: StoreContextMut<'_, T>, (on, follow, path, open, flags): OpenAt| {
                let mut view = store.data_mut().lookup();
                let what = |on: &Dir| open_at(on, follow, &path, open, flags, true);
                let opened = match open.contains(OpenFlags::CREATE) {
                    true => directory(view.table, &on)?.and_then(what),
                    false => look(&mut view, &on, &path, what)?,
                };
                Ok((keep(&mut view, &on, path, opened)?,))
            },
        )?;
        types.func_wrap(
            STAT_AT,
            |mut store: StoreContextMut<'_, T>, (on, follow, path): StatAt| {
                let found = |on: &Dir| stat_at(on, follow, &path);
                Ok((look(&mut store.data_mut().lookup(), &on, &path, found)?,))
            },
        )?;
        types.func_wrap(
            STAT,
            |mut store: StoreContextMut<'_, T>, (of,): (Resource<Descriptor>,)| {
                let mut view = store.data_mut().lookup();
                match known(&mut view, &of)? {
                    Some(found) => Ok((Ok(found),)),
                    None => Ok((stat(view.table.get(&of)?),)),
                }
            },
        )
    } else {
        types.func_wrap_async(
            OPEN_AT,
            |mut store: StoreContextMut<'_, T>, (on, follow, path, open, flags): OpenAt| {
                Box::new(async move {
                    let (directory, from) = (
                        directory(store.data_mut().lookup().table, &on)?.cloned(),
                        path.clone(),
                    );
                    let opened = on_blocking_pool(move || {
                        open_at(&directory?, follow, &from, open, flags, false)
                    });
                    let opened = opened.await?;
                    Ok((keep(&mut store.data_mut().lookup(), &on, path, opened)?,))
                })
            },
        )?;
        types.func_wrap_async(
            STAT_AT,
            |mut store: StoreContextMut<'_, T>, (on, follow, path): StatAt| {
                Box::new(async move {
                    let on = directory(store.data_mut().lookup().table, &on)?.cloned();
                    let found = on_blocking_pool(move || stat_at(&on?, follow, &path));
                    Ok((found.await?,))
                })
            },
        )?;
        types.func_wrap_async(
            STAT,
            |mut store: StoreContextMut<'_, T>, (of,): (Resource<Descriptor>,)| {
                Box::new(async move {
                    let mut view = store.data_mut().lookup();
                    if let Some(found) = known(&mut view, &of)? {
                        return Ok((Ok(found),));
                    }
                    let of = view.table.get(&of)?.clone();
                    Ok((on_blocking_pool(move || stat(&of)).await?,))
                })
            },
        )
    }
}

/// Runs an operation that may block on the blocking pool.
async fn on_blocking_pool<T: Send + 'static>(
    what: impl FnOnce() -> T + Send + 'static,
) -> wasmtime::Result<T> {
    Ok(tokio::task::spawn_blocking(what).await?)
}

/// The directory behind a handle.
fn directory<'a>(
    table: &'a ResourceTable,
    handle: &Resource<Descriptor>,
) -> wasmtime::Result<Result<&'a Dir, ErrorCode>> {
    Ok(match table.get(handle)? {
        Descriptor::Dir(directory) => Ok(directory),
        Descriptor::File(_) => Err(ErrorCode::NotDirectory),
    })
}

/// Gives the guest a handle to a file or directory that was opened.
fn keep(
    view: &mut LookupView<'_>,
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
    Ok(Ok(view.table.push(descriptor)?))
}

/// The attributes of a file that was just opened, if they are known.
fn known(
    view: &mut LookupView<'_>,
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
    view: &mut LookupView<'_>,
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

/// The interface as wasmtime-wasi names it.
const TYPES: &str = "wasi:filesystem/types@0.2.12";
const OPEN_AT: &str = "[method]descriptor.open-at";
const STAT: &str = "[method]descriptor.stat";
const STAT_AT: &str = "[method]descriptor.stat-at";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use wasmtime_wasi::{FsPerms, OpenMode};

    use super::*;

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
            let mut view = LookupView {
                table: &mut table,
                last_opened: &mut Some(opened(&root, file)),
                negative_cache: &negative_cache,
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
        let open = open_at(root, follow, path, OpenFlags::empty(), flags, true);
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
