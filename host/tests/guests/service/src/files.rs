//! Files with WASI 0.3; the standard library uses 0.2.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use wasip3::filesystem::preopens::get_directories;
use wasip3::filesystem::types::{
    Advice, Descriptor, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags,
};
use wasip3::spawn_local;
use wasip3::wit_bindgen::StreamResult;
use wasip3::wit_stream;

/// Opens `path` for reading, and returns the outcome.
pub async fn open(path: &str) -> String {
    let flags = DescriptorFlags::READ;
    let root = root();
    let opened = root.open_at(PathFlags::empty(), path.into(), OpenFlags::empty(), flags);
    format!("{:?}\n", opened.await.map(|_| ()))
}

/// Lists the folder `n` times at once, and returns the number of entries in all listings.
pub async fn list(n: u64) -> String {
    let root = root();
    let mut listings: Vec<_> = (0..n.max(1)).map(|_| root.read_directory()).collect();
    let mut first = 0;
    // Each listing has begun before the first is read to its end.
    for (entries, _) in &mut listings {
        first += entries.read(Vec::with_capacity(1)).await.1.len();
    }
    let mut rest = 0;
    let mut ends = Vec::new();
    for (mut entries, end) in listings {
        loop {
            let (result, read) = entries.read(Vec::with_capacity(100_000)).await;
            rest += read.len();
            if !matches!(result, StreamResult::Complete(_)) {
                break;
            }
        }
        ends.push(end.await);
    }
    ends.dedup_by(|one, other| format!("{one:?}") == format!("{other:?}"));
    format!("{} entries, {ends:?}\n", first + rest)
}

/// Writes `parts` parts of `length` bytes to the start of a file, one after the other.
pub async fn write(parts: u64, length: usize) -> String {
    let file = match create("written").await {
        Ok(file) => file,
        Err(code) => return format!("{code:?}\n"),
    };
    for _ in 0..parts {
        let (mut writer, content) = wit_stream::new();
        let written = file.write_via_stream(content, 0);
        spawn_local(async move {
            writer.write_all(vec![b'x'; length]).await;
        });
        if let Err(code) = written.await {
            return format!("{code:?}\n");
        }
    }
    let stat = file.stat().await;
    format!("{:?} bytes\n", stat.map(|stat| stat.size))
}

/// Has the system read the file `sparse` ahead, and forget it again, `n` times: much work for the system, and little for the
/// guest.
pub async fn advise(n: u64) -> String {
    let root = root();
    let (path, flags) = (PathFlags::empty(), DescriptorFlags::READ);
    let opened = root.open_at(path, "sparse".into(), OpenFlags::empty(), flags);
    let file = opened.await.expect("the file is there");
    for _ in 0..n {
        for advice in [Advice::WillNeed, Advice::DontNeed] {
            if let Err(code) = file.advise(0, 0, advice).await {
                return format!("{code:?}\n");
            }
        }
    }
    "advised\n".into()
}

/// Tries every operation that changes a file or a folder. Returns a line for each.
pub async fn change() -> String {
    let root = root();
    let file = match create("changed").await {
        Ok(file) => file,
        Err(code) => return format!("create: {code:?}\n"),
    };
    let follow = PathFlags::empty();
    let append = async |text: &'static str| {
        let (mut writer, content) = wit_stream::new();
        let appended = file.append_via_stream(content);
        spawn_local(async move {
            writer.write_all(text.as_bytes().to_vec()).await;
        });
        appended.await
    };
    let now = NewTimestamp::Now;
    let text = String::from;
    let outcomes = [
        ("append", append("some ").await),
        ("append", append("text").await),
        ("size", file.set_size(7).await),
        ("times", file.set_times(now, now).await),
        ("sync-data", file.sync_data().await),
        ("sync", file.sync().await),
        ("folder", root.create_directory_at(text("folder")).await),
        (
            "times-at",
            root.set_times_at(follow, text("changed"), now, now).await,
        ),
        (
            "link",
            root.link_at(follow, text("changed"), &root, text("folder/link"))
                .await,
        ),
        (
            "rename",
            root.rename_at(text("changed"), &root, text("renamed"))
                .await,
        ),
        (
            "symlink",
            root.symlink_at(text("renamed"), text("symlink")).await,
        ),
        ("unlink", root.unlink_file_at(text("symlink")).await),
        ("full", root.remove_directory_at(text("folder")).await),
    ];
    let mut report = String::new();
    for (operation, outcome) in outcomes {
        report += &format!("{operation}: {outcome:?}\n");
    }
    let content = file.read_via_stream(0).0.collect().await;
    report + &format!("{:?}\n", String::from_utf8_lossy(&content))
}

/// Waits until all tasks are over.
pub async fn all(mut tasks: Vec<Pin<Box<impl Future<Output = ()>>>>) {
    poll_fn(|context| {
        tasks.retain_mut(|task| task.as_mut().poll(context).is_pending());
        match tasks.is_empty() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

async fn create(name: &str) -> Result<Descriptor, ErrorCode> {
    let (create, flags) = (
        OpenFlags::CREATE,
        DescriptorFlags::READ | DescriptorFlags::WRITE,
    );
    root()
        .open_at(PathFlags::empty(), name.into(), create, flags)
        .await
}

fn root() -> Descriptor {
    let mut folders = get_directories().into_iter();
    folders.next().expect("a folder is granted").0
}
