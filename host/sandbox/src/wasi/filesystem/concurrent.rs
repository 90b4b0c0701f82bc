//! `wasi:filesystem/types` of WASI 0.3: the functions that replace those of wasmtime-wasi, as for 0.2.
//!
//! Looking files up and reading them happens on the guest's own thread, where it is metered and bounded in size; changes
//! happen on the threads for file work. Nothing waits for the other end of a FIFO.

use std::fs::File as OsFile;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{
    Accessor, Destination, FutureReader, Linker, ResourceType, Source, StreamConsumer,
    StreamProducer, StreamReader, StreamResult, VecBuffer,
};
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::filesystem::types::{self as p2, HostDescriptor};
use wasmtime_wasi::p3::bindings::filesystem::types::{
    Advice, DescriptorFlags, DirectoryEntry, ErrorCode, Filesize, NewTimestamp, OpenFlags,
    PathFlags,
};

use super::changes::{Handle, change, now};
use super::convert::{advice, code, entry, flags, follow, open_flags, time};
use super::listing::Listing;
use super::open::open_at;
use super::streams::{MAX_PART, Position};
use super::view::FilesHost;
use super::work::FileWork;
use crate::account::ledger::Account;

/// Links the functions and resources in place of those that the linker has.
pub(crate) fn link<T: FilesHost>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    link_handles(linker)?;
    link_streams(linker)?;
    link_changes(linker)
}

fn link_handles<T: FilesHost>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let mut types = linker.instance(TYPES)?;
    types.resource(
        "descriptor",
        ResourceType::host::<Descriptor>(),
        |mut store: StoreContextMut<'_, T>, handle| store.data_mut().files().close(handle),
    )?;
    type OpenAt = (Handle, PathFlags, String, OpenFlags, DescriptorFlags);
    types.func_wrap_concurrent(
        "[method]descriptor.open-at",
        |accessor: &Accessor<T>, (on, following, path, open, mode): OpenAt| {
            Box::pin(async move {
                let changes = open.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE);
                let (following, open, mode) = (follow(following), open_flags(open), flags(mode));
                let opened = accessor.with(|mut store| {
                    let view = store.data_mut().files();
                    let on = match view.directory(&on)? {
                        Ok(on) => on.clone(),
                        Err(code) => return Ok(Err(code)),
                    };
                    let open = move || open_at(&on, following, &path, open, mode);
                    wasmtime::error::Ok(Ok(match changes {
                        true => Err(view.work.run(view.account, open)),
                        false => Ok(open()),
                    }))
                })?;
                let opened = match opened {
                    Err(error) => return Ok((Err(code(error)),)),
                    Ok(Ok(opened)) => opened,
                    Ok(Err(opening)) => opening.await?,
                };
                let (descriptor, _) = match opened {
                    Ok(opened) => opened,
                    Err(error) => return Ok((Err(code(error)),)),
                };
                let kept = accessor.with(|mut store| store.data_mut().files().keep(descriptor))?;
                Ok((kept.map_err(code),))
            })
        },
    )
}

fn link_streams<T: FilesHost>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let mut types = linker.instance(TYPES)?;
    types.func_wrap(
        "[method]descriptor.read-directory",
        |mut store: StoreContextMut<'_, T>, (of,): (Handle,)| {
            let view = store.data_mut().files();
            let listing = view.directory(&of)?;
            let listing = listing.and_then(|directory| Listing::of(directory, &view));
            let (mut ended, end) = End::new();
            let entries = Entries {
                listing: match listing {
                    Ok(listing) => Some(listing),
                    Err(error) => {
                        ended.at(Err(code(error)));
                        None
                    }
                },
                ended,
            };
            let stream = StreamReader::new(&mut store, entries)?;
            Ok(((stream, FutureReader::new(&mut store, end)?),))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.read-via-stream",
        |mut store: StoreContextMut<'_, T>, (of, offset): (Handle, Filesize)| {
            let view = store.data_mut().files();
            let (mut ended, end) = End::new();
            let content = Content {
                file: match view.file(&of, p2::ErrorCode::IsDirectory)? {
                    Ok(file) => Some(file.file.clone()),
                    Err(error) => {
                        ended.at(Err(code(error)));
                        None
                    }
                },
                offset,
                ended,
            };
            let stream = StreamReader::new(&mut store, content)?;
            Ok(((stream, FutureReader::new(&mut store, end)?),))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.write-via-stream",
        |mut store: StoreContextMut<'_, T>,
         (to, data, offset): (Handle, StreamReader<u8>, Filesize)| {
            Ok((write(&mut store, &to, data, Position::At(offset))?,))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.append-via-stream",
        |mut store: StoreContextMut<'_, T>, (to, data): (Handle, StreamReader<u8>)| {
            Ok((write(&mut store, &to, data, Position::End)?,))
        },
    )
}

fn link_changes<T: FilesHost>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    /// Links one function: its name, its parameters after the handle, and the change.
    macro_rules! changes {
        ($types:ident: $($name:literal ($($argument:ident: $type:ty),*) $(and $other:ident)?
            |$context:ident, $on:ident $(, $with:ident)?| $change:expr;)*) => {
            $($types.func_wrap_concurrent(
                concat!("[method]descriptor.", $name),
                |accessor: &Accessor<T>, ($on, $($argument,)*): (Handle, $($type,)*)| {
                    Box::pin(async move {
                        let done = accessor.with(|mut store| {
                            change(
                                &store.data_mut().files(),
                                [&$on $(, &$other)?],
                                move |$context, [$on $(, $with)?]| now($change),
                            )
                        })?;
                        Ok((done.await?.map_err(code),))
                    })
                },
            )?;)*
        };
    }
    let mut types = linker.instance(TYPES)?;
    changes! { types:
        "advise"(offset: Filesize, length: Filesize, wanted: Advice)
            |context, on| context.advise(on, offset, length, advice(wanted));
        "sync-data"() |context, on| context.sync_data(on);
        "sync"() |context, on| context.sync(on);
        "set-size"(size: Filesize) |context, on| context.set_size(on, size);
        "set-times"(access: NewTimestamp, modified: NewTimestamp)
            |context, on| async { context.set_times(on, time(access)?, time(modified)?).await };
        "create-directory-at"(path: String) |context, on| context.create_directory_at(on, path);
        "set-times-at"(
            following: PathFlags,
            path: String,
            access: NewTimestamp,
            modified: NewTimestamp
        ) |context, on| async {
            let (access, modified) = (time(access)?, time(modified)?);
            context.set_times_at(on, follow(following), path, access, modified).await
        };
        "link-at"(following: PathFlags, path: String, to: Handle, new: String) and to
            |context, on, to| context.link_at(on, follow(following), path, to, new);
        "remove-directory-at"(path: String) |context, on| context.remove_directory_at(on, path);
        "rename-at"(path: String, to: Handle, new: String) and to
            |context, on, to| context.rename_at(on, path, to, new);
        "symlink-at"(path: String, new: String) |context, on| context.symlink_at(on, path, new);
        "unlink-file-at"(path: String) |context, on| context.unlink_file_at(on, path);
    }
    Ok(())
}

type Outcome = Result<(), ErrorCode>;

/// Tells the guest how a stream ended.
struct End(Option<oneshot::Sender<Outcome>>);

impl End {
    fn new() -> (Self, oneshot::Receiver<Outcome>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Some(sender)), receiver)
    }

    fn at(&mut self, outcome: Outcome) {
        if let Some(sender) = self.0.take() {
            // The guest may not want to know.
            let _ = sender.send(outcome);
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.at(Ok(()));
    }
}

/// The entries of a folder.
struct Entries {
    /// None at the end.
    listing: Option<Listing>,
    ended: End,
}

impl<D> StreamProducer<D> for Entries {
    type Item = DirectoryEntry;
    type Buffer = VecBuffer<DirectoryEntry>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        _: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let most = destination.remaining(&mut store).unwrap_or(usize::MAX);
        let Some(listing) = &mut self.listing else {
            return Poll::Ready(Ok(StreamResult::Dropped));
        };
        if most == 0 {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let outcome = match listing.take(most) {
            Ok(entries) if !entries.is_empty() => {
                let entries: Vec<_> = entries.into_iter().map(entry).collect();
                destination.set_buffer(entries.into());
                return Poll::Ready(Ok(StreamResult::Completed));
            }
            Ok(_) => Ok(()),
            Err(error) => Err(code(error)),
        };
        self.listing = None;
        self.ended.at(outcome);
        Poll::Ready(Ok(StreamResult::Dropped))
    }
}

/// The content of a file, read on the guest's own thread.
struct Content {
    /// None at the end.
    file: Option<Arc<OsFile>>,
    offset: u64,
    ended: End,
}

impl<D: 'static> StreamProducer<D> for Content {
    type Item = u8;
    type Buffer = bytes::BytesMut;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<'a, D>,
        destination: Destination<'a, Self::Item, Self::Buffer>,
        _: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        use std::os::unix::fs::FileExt;
        let Some(file) = &self.file else {
            return Poll::Ready(Ok(StreamResult::Dropped));
        };
        let mut destination = destination.as_direct(store, MAX_PART);
        let part = destination.remaining();
        let most = part.len().min(MAX_PART);
        let Some(part) = part.get_mut(..most).filter(|part| !part.is_empty()) else {
            return Poll::Ready(Ok(StreamResult::Completed));
        };
        let outcome = match file.read_at(part, self.offset) {
            Ok(0) => Ok(()),
            Ok(read) => {
                destination.mark_written(read);
                self.offset = self.offset.saturating_add(read as u64);
                return Poll::Ready(Ok(StreamResult::Completed));
            }
            Err(error) => Err(error.into()),
        };
        self.file = None;
        self.ended.at(outcome);
        Poll::Ready(Ok(StreamResult::Dropped))
    }
}

/// Writes a stream to a file.
fn write<T: FilesHost>(
    store: &mut StoreContextMut<'_, T>,
    to: &Handle,
    mut data: StreamReader<u8>,
    position: Position,
) -> wasmtime::Result<FutureReader<Outcome>> {
    let view = store.data_mut().files();
    let file = match view.file(to, p2::ErrorCode::BadDescriptor)? {
        Ok(file) if file.perms == FsPerms::ReadOnly => Err(ErrorCode::NotPermitted),
        Ok(file) => Ok(file.file.clone()),
        Err(error) => Err(code(error)),
    };
    let (work, account) = (view.work.clone(), view.account.clone());
    let (mut ended, end) = End::new();
    match file {
        Ok(file) => {
            let written = Written {
                file,
                position,
                work,
                account,
                writing: None,
                ended,
            };
            data.pipe(&mut *store, written)?;
        }
        Err(error) => {
            ended.at(Err(error));
            data.close(&mut *store)?;
        }
    }
    FutureReader::new(store, end)
}

/// A file that is written on the threads for file work.
struct Written {
    file: Arc<OsFile>,
    position: Position,
    work: FileWork,
    account: Arc<Account>,
    writing: Option<Writing>,
    ended: End,
}

/// Resolves to the number of bytes written.
type Writing = Pin<Box<dyn Future<Output = wasmtime::Result<std::io::Result<usize>>> + Send>>;

impl<D: 'static> StreamConsumer<D> for Written {
    type Item = u8;

    /// A write that has begun is not cancelled.
    fn poll_consume(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        source: Source<'_, Self::Item>,
        _: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let mut source = source.as_direct(store);
        let this = &mut *self;
        let writing = this.writing.get_or_insert_with(|| {
            let part = source.remaining();
            let part = part.get(..MAX_PART).unwrap_or(part).to_vec();
            let (file, position) = (this.file.clone(), this.position);
            let write = move || match part.is_empty() {
                true => Ok(0),
                false => position.write(&file, &part),
            };
            Box::pin(this.work.run(&this.account, write))
        });
        let wrote = ready!(writing.as_mut().poll(context))?;
        this.writing = None;
        Poll::Ready(Ok(match wrote {
            Ok(written) => {
                source.mark_read(written);
                this.position.advance(written);
                StreamResult::Completed
            }
            Err(error) => {
                this.ended.at(Err(error.into()));
                StreamResult::Dropped
            }
        }))
    }
}

/// The interface as wasmtime-wasi names it.
const TYPES: &str = "wasi:filesystem/types@0.3.0";
